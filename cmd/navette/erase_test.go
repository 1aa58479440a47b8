package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/navette-connect/navette/connector/gateway/sandbox"
	"github.com/navette-connect/navette/mappings"
)

// The person whom the tests erase, and one who stays.
const (
	personMail = "zoe.dupuis@canary-person.example"
	personName = "Zoé Dupuîs"
	otherMail  = "karl@canary-other.example"
)

// eraseMapping keeps personal data wherever the journal can: cells, fields of returns, labels, the source's head.
const eraseMapping = `
navette: mapping/v1
name: w
locale: fr
source: {format: csv, encoding: %s, delimiter: ";", header: 2, decimal: ","}
fields:
  - {name: reference, column: Facture, required: true}
  - {name: amount, column: Montant, type: amount, required: true}
  - {name: customer.email, column: Courriel, type: email}
  - {name: customer.name, column: Nom}
  - {name: label, column: Objet}
  - {name: metadata.note, column: Objet}
returns:
  told: {on: event, file: "EV_{flow}_{seq}.csv", columns: [{name: facture, value: reference}, {name: montant, value: 'dec(amount, ",")'}, {name: courriel, value: customer.email}, {name: nom, value: customer.name}, {name: quoi, value: event.event}]}
`

// eraseFile is a file of n rows: each tenth is the person's, one of these cannot be read, one is refused by the PSP.
func eraseFile(prefix string, n int) string {
	text := "Export demandé par " + personName + "\r\nFacture;Montant;Courriel;Nom;Objet\r\n"
	for i := range n {
		mail, name, amount := fmt.Sprintf("c%d@canary-other.example", i), "Karl", "10,00"
		switch {
		case i%10 == 0:
			mail, name = personMail, personName
		case i == 1:
			mail = otherMail
		}
		if i == 20 {
			amount = "1.0,00"
		}
		ref := fmt.Sprintf("%s-%d", prefix, i)
		if i == 30 {
			ref = prefix + "-refused"
		}
		text += fmt.Sprintf("%s;%s;%s;%s;pour %s\r\n", ref, amount, mail, name, name)
	}
	return text
}

// paying lets every customer pay at once, but for those whom the PSP refuses and those who never pay.
const paying = `rules: [{match: "*-refused", refuse: "51"}, {match: "OPEN-*", after: 1h, pay: full}, {after: 10ms, pay: full}]`

// spellings are a text as the files of navette may spell it.
func spellings(t testing.TB, text string) (list [][]byte) {
	t.Helper()
	latin, err := mappings.NewCharset("windows-1252")
	if err != nil {
		t.Fatal(err)
	}
	b, _ := latin.Encode(nil, text)
	var little, big []byte
	for _, u := range utf16.Encode([]rune(text)) {
		little, big = append(little, byte(u), byte(u>>8)), append(big, byte(u>>8), byte(u))
	}
	return [][]byte{[]byte(text), b, little, big}
}

// holding lists the files below a folder that hold one of the texts, in any spelling.
func holding(t testing.TB, dir string, texts ...string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		for _, text := range texts {
			for _, s := range spellings(t, text) {
				if bytes.Contains(b, s) {
					found = append(found, fmt.Sprintf("%s: %q", name, s))
					break
				}
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// over waits until a file is done and none of its requests is open.
func (s *served) over(t *testing.T, name string) {
	t.Helper()
	s.eventually(t, name+" is over", func() error { return s.w.isOver(t, name) })
}

func (w *world) isOver(t *testing.T, name string) error {
	t.Helper()
	if f := w.file(t, name); f.State != "done" {
		return fmt.Errorf("it is %q", f.State)
	}
	if rows := w.says(t, 0, "rows", "--state", "open", "--json"); strings.Contains(rows, `"id"`) && !strings.Contains(rows, "OPEN-") {
		return errors.New("some are open")
	}
	return nil
}

// refused finds the row of a reference that the PSP refused.
func (w *world) refused(t *testing.T, reference string) string {
	t.Helper()
	var list []rowView
	if err := json.Unmarshal([]byte(w.says(t, 0, "rows", "--state", "refused", "--json")), &list); err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		if r.Reference == reference {
			return r.ID
		}
	}
	t.Fatalf("%s was not refused: %v", reference, list)
	return ""
}

// TestErase: what a person is called is nowhere in the state directory any more, in any spelling, while the service runs;
// the accounts stay, and so does everybody else.
func TestErase(t *testing.T) {
	for _, encoding := range []string{"utf-8", "windows-1252", "utf-16le"} {
		t.Run(encoding, func(t *testing.T) {
			t.Parallel()
			w := newScripted(t, 1, sandbox.None, sandbox.Faults{}, paying)
			write(t, filepath.Join(w.dir, "etc", "mappings", "w.yaml"), fmt.Sprintf(eraseMapping, encoding))
			charset, err := mappings.NewCharset(encoding)
			if err != nil {
				t.Fatal(err)
			}
			encode := func(text string) []byte {
				b, _ := charset.Encode(nil, text)
				return b
			}
			s := w.serve(t)
			w.place(t, "in", "un.csv", encode(eraseFile("U", 400)))
			w.place(t, "in", "deux.csv", encode(eraseFile("D", 40)))
			s.over(t, "un.csv")
			s.over(t, "deux.csv")
			state := filepath.Join(w.dir, "state")
			if found := holding(t, state, personMail, personName); len(found) < 4 { // the control: it would be found
				t.Fatalf("before the erasure only %q hold the person", found)
			}
			refused, retried := w.refused(t, "U-refused"), w.refused(t, "D-refused")
			w.says(t, 0, "retry", retried)
			s.over(t, "deux.csv")
			said := w.says(t, 0, "person", "erase", personMail, "--reason", "asked by "+personMail)
			for _, want := range []string{filepath.Join(w.dir, "done"), "un.ret.csv", "EV_f_"} {
				if !strings.Contains(said, want) {
					t.Errorf("person erase does not name %s:\n%s", want, said)
				}
			}
			s.eventually(t, "nothing of the person is left", func() error {
				if found := holding(t, state, personMail, personName); found != nil {
					return fmt.Errorf("%q", found)
				}
				return nil
			})
			w.says(t, 1, "person", "export", personMail)
			if out := w.says(t, 0, "person", "export", "U-10"); strings.Contains(out, "canary") || !strings.Contains(out, `"state": "paid"`) {
				t.Errorf("an erased row is exported as\n%s", out)
			}
			if out := w.says(t, 0, "person", "export", otherMail); !strings.Contains(out, otherMail) {
				t.Errorf("somebody else is gone, too:\n%s", out)
			}
			if out := w.says(t, 0, "verify"); !strings.Contains(out, "chaîne jusqu'au") || strings.Contains(out, " 0 effacés") {
				t.Errorf("verify says\n%s", out)
			}
			w.says(t, 1, "redeliver", "un.ret.csv")
			w.says(t, 1, "replay", w.file(t, "un.csv").ID)
			if out := w.says(t, 1, "retry", refused); !strings.Contains(out, "effacées") {
				t.Errorf("retry of an erased row says\n%s", out)
			}
			if out := w.says(t, 0, "where", "U-10"); !strings.Contains(out, "10,00") {
				t.Errorf("the accounts have lost U-10:\n%s", out)
			}
			// The same bytes dropped again are kept again, and known as a duplicate.
			w.place(t, "in", "trois.csv", encode(eraseFile("U", 400)))
			s.eventually(t, "the same bytes are known as a duplicate", func() error {
				if f := w.file(t, "trois.csv"); f.State != "duplicate" {
					return fmt.Errorf("it is %q", f.State)
				}
				return nil
			})
			if out := w.says(t, 0, "verify"); !strings.Contains(out, "Tout est en ordre") {
				t.Errorf("verify after the same bytes came again says\n%s", out)
			}
			w.says(t, 0, "person", "erase", "U-10", "--reason", "again")
			s.eventually(t, "nothing of the person is left again", func() error {
				if found := holding(t, state, personMail, personName); found != nil {
					return fmt.Errorf("%q", found)
				}
				return nil
			})
			w.says(t, 0, "verify")
		})
	}
}

// TestEraseRefused: nothing is erased of somebody who may still pay, or whose file is not answered.
func TestEraseRefused(t *testing.T) {
	t.Parallel()
	w := newScripted(t, 1, sandbox.None, sandbox.Faults{}, paying)
	write(t, filepath.Join(w.dir, "etc", "mappings", "w.yaml"), fmt.Sprintf(eraseMapping, "utf-8"))
	s := w.serve(t)
	w.place(t, "in", "open.csv", []byte(eraseFile("OPEN", 20)))
	s.over(t, "open.csv")
	before := w.says(t, 0, "person", "export", personMail)
	if out := w.says(t, 1, "person", "erase", personMail, "--reason", "x"); !strings.Contains(out, "Rien n'a été effacé") {
		t.Errorf("person erase of an open request says\n%s", out)
	}
	if after := w.says(t, 0, "person", "export", personMail); after != before {
		t.Errorf("a refused erasure changed something:\n%s", after)
	}
	w.says(t, 2, "person", "erase", personMail)
	w.says(t, 1, "person", "erase", "nobody@canary.example", "--reason", "x")
}

// TestPurgeBeside: the service purges what is over, and nothing of a file that still waits, whose answers are whole later.
func TestPurgeBeside(t *testing.T) {
	t.Parallel()
	w := newScripted(t, 1, sandbox.None, sandbox.Faults{}, paying)
	write(t, filepath.Join(w.dir, "etc", "mappings", "w.yaml"), fmt.Sprintf(eraseMapping, "utf-8"))
	w.rewrite(t, "gateways:", "retention: {personal: 1ms, files: 1ms}\ngateways:")
	w.rewrite(t, "quiet: 0s", "limits: {rows: 450}, quiet: 0s")
	s := w.serve(t)
	w.place(t, "in", "over.csv", []byte(eraseFile("U", 410))) // more rows than one write takes
	s.over(t, "over.csv")
	w.place(t, "in", "held.csv", []byte(eraseFile("H", 460)))
	s.answer(t, "out", "held.ack.csv")
	s.eventually(t, "the ack is published", func() error {
		if f := w.file(t, "held.csv"); f.State != "held" || len(f.Returns) == 0 || f.Returns[0].State != "published" {
			return fmt.Errorf("it is %+v", f)
		}
		return nil
	})
	foreseen := w.says(t, 0, "purge", "--dry-run")
	if !strings.Contains(foreseen, "410 lignes") {
		t.Errorf("purge --dry-run says\n%s", foreseen)
	}
	if out := w.says(t, 0, "person", "export", "U-11"); !strings.Contains(out, "canary-other") {
		t.Errorf("a dry run has removed something:\n%s", out)
	}
	if said := w.says(t, 0, "purge"); !strings.Contains(said, "410 lignes") || !strings.Contains(said, "comptés ci-dessus sont retirés") {
		t.Errorf("purge says\n%s", said)
	}
	if out := w.says(t, 0, "purge", "--dry-run"); !strings.Contains(out, " : 0 ligne ") {
		t.Errorf("a second purge would find\n%s", out)
	}
	if said := w.says(t, 0, "purge"); !strings.Contains(said, "Rien n'était assez ancien") || strings.Contains(said, "retirés") || strings.Contains(said, "journal : fait") {
		t.Errorf("a purge that finds nothing says\n%s", said)
	}
	if out := w.says(t, 0, "person", "export", "U-11"); strings.Contains(out, "canary-other") {
		t.Errorf("the purge has left\n%s", out)
	}
	w.says(t, 0, "verify")
	w.says(t, 0, "release", w.file(t, "held.csv").ID, "--reason", "for zoe.dupuis@canary-person.example")
	s.over(t, "held.csv")
	b, err := os.ReadFile(filepath.Join(w.dir, "out", "held.ret.csv"))
	if err != nil || strings.Count(string(b), personMail) != 46 || strings.Count(string(b), "\n") != 462 {
		t.Errorf("the held file's result names the person %d times in %d lines, want 46 in 462 (%v)", strings.Count(string(b), personMail), strings.Count(string(b), "\n"), err)
	}
	if out := w.says(t, 0, "where", "H-1"); strings.Contains(out, personMail) {
		t.Errorf("an address in a reason stands in an event, which is kept for ever:\n%s", out)
	}
}

// TestEraseKilled kills navette at each act of an erasure and of a purge: what is begun is completed at the next start.
func TestEraseKilled(t *testing.T) {
	for _, what := range []string{"erase", "purge"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := newScripted(t, 1, sandbox.None, sandbox.Faults{}, paying)
			write(t, filepath.Join(w.dir, "etc", "mappings", "w.yaml"), fmt.Sprintf(eraseMapping, "utf-8"))
			w.rewrite(t, "gateways:", "retention: {personal: 1ms, files: 1ms}\ngateways:")
			w.place(t, "in", "un.csv", []byte(eraseFile("U", 40)))
			w.finish(t)
			w.finish(t)
			if err := w.isOver(t, "un.csv"); err != nil {
				t.Fatal(err)
			}
			if what == "erase" {
				w.says(t, 0, "person", "erase", personMail, "--reason", "x")
			} else {
				w.says(t, 0, "purge")
			}
			state := filepath.Join(w.dir, "state")
			kept := filepath.Join(t.TempDir(), "state")
			copyTree(t, state, kept)
			step := 1
			if testing.Short() {
				step = 7
			}
			for n := 1; ; n += step {
				if err := os.RemoveAll(state); err != nil {
					t.Fatal(err)
				}
				copyTree(t, kept, state)
				cmd, out := w.command(t, "once")
				cmd.Env = append(cmd.Env, killAt+"="+strconv.Itoa(n))
				err := cmd.Run()
				var exit *exec.ExitError
				if err != nil && (!errors.As(err, &exit) || exit.ExitCode() >= 0) {
					t.Fatalf("act %d: %v\n%s", n, err, out)
				}
				ended := err == nil
				w.says(t, 0, "once")
				if found := holding(t, state, personMail, personName); found != nil {
					t.Fatalf("killed at act %d: still there: %q", n, found)
				}
				var v verifyView
				if err := json.Unmarshal([]byte(w.says(t, 0, "verify", "--json")), &v); err != nil || v.SpoolErased == 0 || v.SpoolUnnamed > 0 {
					t.Fatalf("killed at act %d: verify says %+v (%v)", n, v, err)
				}
				if ended {
					if n < 8 {
						t.Errorf("only %d acts: the hooks are not asked", n-1)
					}
					t.Logf("killed at each of %d acts", n-1)
					return
				}
			}
		})
	}
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}
