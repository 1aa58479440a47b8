package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/navette-connect/navette/connector/gateway/sandbox"
)

// memory bounds what the daemon may ever hold, whatever it is given, in bytes.
const memory = 128 << 20

// TestHostileFiles drops what a drop folder may see in its worst week: each gets its answer and keeps its bytes, and the
// good file beside it goes through as if it were alone.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 64<<10)
	for i, rng := 0, rand.New(rand.NewPCG(7, 7)); i < len(noise); i++ {
		noise[i] = byte(rng.Uint32())
	}
	good := line("G-REF", "10,00")
	type verdict struct{ line, state, code string }
	tests := []struct {
		name  string
		bytes []byte
		want  []verdict // all rows of the ack, in their order
		codes []string  // where several codes are right, instead of want's
		dir   string
	}{
		{name: "empty", bytes: nil, want: []verdict{{"0", "rejected", "NV-1001"}}, dir: "rejected"},
		{name: "latin1", bytes: []byte(head + "L\xe91;10,00;02/12/2026;a@canary.example\r\n"), want: []verdict{{"0", "rejected", "NV-1002"}}, dir: "rejected"},
		{name: "utf16", bytes: utf16le(head + line("U1", "10,00")), want: []verdict{{"0", "rejected", "NV-1002"}}, dir: "rejected"},
		{name: "nul", bytes: []byte(head + "N1;10,\x0000;02/12/2026;a@canary.example\r\n"), want: []verdict{{"0", "rejected", "NV-1004"}}, dir: "rejected"},
		{name: "noise", bytes: noise, codes: []string{"NV-1002", "NV-1004"}, dir: "rejected"},
		{name: "gzip", bytes: append([]byte("\x1f\x8b\x08\x00"), noise...), want: []verdict{{"0", "rejected", "NV-1007"}}, dir: "rejected"},
		{name: "pdf", bytes: append([]byte("%PDF-1.7\n"), noise...), want: []verdict{{"0", "rejected", "NV-1007"}}, dir: "rejected"},
		{name: "cell", bytes: []byte(head + line(strings.Repeat("x", 5<<20), "10,00") + line("C2", "10,00")), want: []verdict{{"0", "rejected", "NV-1003"}}, dir: "rejected"},
		{name: "quote", bytes: append([]byte(head+"\""), bytes.Repeat([]byte("x;10,00;02/12/2026;\r\n"), 64<<20/21)...), want: []verdict{{"0", "rejected", "NV-1003"}}, dir: "rejected"},
		{name: "missing-column", bytes: []byte("Facture;Echeance;Courriel\r\nM1;02/12/2026;a@canary.example\r\n"), want: []verdict{{"0", "rejected", "NV-1101"}}, dir: "rejected"},
		{name: "fed-back", bytes: []byte(strings.TrimRight(head, "\r\n") + ";nv_state;nv_code\r\nB1;10,00;02/12/2026;;sent;\r\n"), want: []verdict{{"0", "rejected", "NV-1104"}}, dir: "rejected"},
		{name: "ragged", bytes: []byte(head + line("W1", "10,00") + "W2;10,00\r\nW3;10,00;02/12/2026;;;9\r\n" + line("W4", "10,00")), want: []verdict{{"2", "accepted", ""}, {"3", "rejected", "NV-1102"}, {"4", "rejected", "NV-1102"}, {"5", "accepted", ""}}, dir: "done"},
		{name: "dates", bytes: []byte(head + "D1;10,00;30/02/2026;\r\nD2;10,00;12/31/2026;\r\nD3;10,00;2026-12-02;\r\n" + line("D4", "10,00")), want: []verdict{{"2", "rejected", "NV-1204"}, {"3", "rejected", "NV-1204"}, {"4", "rejected", "NV-1204"}, {"5", "accepted", ""}}, dir: "done"},
		{name: "amounts", bytes: []byte(head + line("A1", "1.250,00") + line("A2", "1.25") + line("A3", "1,234") + line("A4", "1e3") + line("A5", "=1+1") + line("A6", "0x10") + line("A7", "99999999999999999999,00") + line("A8", "10,00")), want: []verdict{{"2", "rejected", "NV-1203"}, {"3", "rejected", "NV-1203"}, {"4", "rejected", "NV-1203"}, {"5", "rejected", "NV-1203"}, {"6", "rejected", "NV-1203"}, {"7", "rejected", "NV-1203"}, {"8", "rejected", "NV-1203"}, {"9", "accepted", ""}}, dir: "done"},
	}
	w := newWorld(t, 1, sandbox.None, sandbox.Faults{})
	w.configured(t, "", "")
	s := w.serve(t)
	for _, tt := range tests {
		w.place(t, "in", tt.name+".csv", tt.bytes)
		w.place(t, "in", "good-"+tt.name+".csv", []byte(head+strings.Replace(good, "REF", tt.name, 1)))
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows := s.answer(t, "out", "good-"+tt.name+".ret.csv")
			if len(rows) != 1 || rows[0]["nv_state"] != "sent" {
				t.Errorf("the good file beside it is answered %v, want one row that was sent", rows)
			}
			if n, _ := w.effects(t, "G-"+tt.name); n != 1 {
				t.Errorf("the good file beside it had %d effects, want 1", n)
			}
			rows = s.answer(t, "out", tt.name+".ack.csv")
			if tt.codes != nil {
				if len(rows) != 1 || rows[0]["state"] != "rejected" || !strings.Contains(strings.Join(tt.codes, " "), rows[0]["code"]) || rows[0]["code"] == "" {
					t.Errorf("it is answered %v, want one rejected row of %v", rows, tt.codes)
				}
			}
			for i, want := range tt.want {
				if len(rows) != len(tt.want) {
					t.Fatalf("it is answered %v, want %v", rows, tt.want)
				}
				if got := (verdict{rows[i]["line"], rows[i]["state"], rows[i]["code"]}); got != want {
					t.Errorf("row %d is answered %v (%s), want %v", i, got, rows[i]["message"], want)
				}
			}
			for _, r := range rows {
				if r["state"] == "rejected" && (r["message"] == "" || len(r["message"]) > 2000) {
					t.Errorf("the message is %d characters long: %.100q", len(r["message"]), r["message"])
				}
				n, _ := w.effects(t, r["reference"])
				if want := map[string]int{"accepted": 1}[r["state"]]; r["reference"] != "" && n > want {
					t.Errorf("%s (%s) had %d effects", r["reference"], r["state"], n)
				}
			}
			if err := w.kept(tt.dir, tt.name+".csv", tt.bytes); err != nil {
				t.Error(err)
			}
		})
	}
	t.Logf("held %d MiB at its peak", s.peak(t)>>20)
	if got := s.peak(t); got > memory {
		t.Errorf("the daemon held %d MiB at its peak, want at most %d", got>>20, memory>>20)
	}
	entries, err := os.ReadDir(filepath.Join(w.dir, "in"))
	if err != nil || len(entries) != 0 {
		t.Errorf("left in the drop folder: %v, %v", entries, err)
	}
}

func utf16le(s string) []byte {
	b := []byte{0xff, 0xfe}
	for _, r := range s {
		b = append(b, byte(r), byte(r>>8))
	}
	return b
}

// TestCutFile: a file cut in mid-record sends nothing; the whole one that comes under its name answers for both, and one
// that stays cut is answered as refused when patience is over.
func TestCutFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, sandbox.None, sandbox.Faults{})
	w.configured(t, "", "patience: 10m", "impatient: {in: $DIR/in2, out: $DIR/out2, done: $DIR/done2, rejected: $DIR/rejected2, quiet: 0s, poll: 50ms, patience: 300ms, mapping: w, gateway: psp}")
	s := w.serve(t)
	whole := head + line("CUT-1", "10,00") + line("CUT-2", "1250,00")
	cut := whole[:strings.Index(whole, "1250")+3] // 125: an amount as good as any
	s.eventually(t, "in2 is made", func() error { _, err := os.Stat(filepath.Join(w.dir, "in2")); return err })
	w.place(t, "in", "month.csv", []byte(cut))
	w.place(t, "in2", "week.csv", []byte(strings.ReplaceAll(cut, "CUT", "WEEK")))
	w.place(t, "in", "good.csv", []byte(head+line("BESIDE", "10,00")))
	s.answer(t, "out", "good.ret.csv")

	rows := s.answer(t, "out2", "week.ack.csv")
	if len(rows) != 1 || rows[0]["line"] != "0" || rows[0]["state"] != "rejected" || rows[0]["code"] != "NV-1005" {
		t.Errorf("the file that stays cut is answered %v, want one row rejected with NV-1005", rows)
	}
	if err := w.kept("rejected2", "week.csv", []byte(strings.ReplaceAll(cut, "CUT", "WEEK"))); err != nil {
		t.Error(err)
	}
	s.logs(t, "file.held", "NV-1005", `"flow":"f"`)
	if _, err := os.Stat(filepath.Join(w.dir, "out", "month.ack.csv")); err == nil {
		t.Error("the cut file is answered before its patience is over")
	}
	for _, ref := range []string{"CUT-1", "CUT-2", "WEEK-1", "WEEK-2"} {
		if _, n := w.effects(t, ref); n != 0 {
			t.Errorf("%s of a cut file was sent", ref)
		}
	}
	w.place(t, "in", "month.csv", []byte(whole))
	rows = s.answer(t, "out", "month.ret.csv")
	if len(rows) != 2 || rows[0]["nv_state"] != "sent" || rows[1]["nv_state"] != "sent" || rows[1]["Montant"] != "1250,00" {
		t.Errorf("the whole file is answered %v, want its two rows sent", rows)
	}
	if rows := s.answer(t, "out", "month.ack.csv"); len(rows) != 2 {
		t.Errorf("its ack is %v, want two rows", rows)
	}
	for _, b := range []string{cut, whole} {
		if w.kept("done", "month.csv", []byte(b)) != nil && w.kept("rejected", "month.csv", []byte(b)) != nil {
			t.Errorf("%d bytes of month.csv are not kept", len(b))
		}
	}
	if n, _ := w.effects(t, "CUT-2"); n != 1 {
		t.Errorf("CUT-2 had %d effects, want 1", n)
	}
}

// TestMendedRejects: the rejects file, mended in place and dropped again under its own name, is taken.
func TestMendedRejects(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, sandbox.None, sandbox.Faults{})
	w.configured(t, "", "")
	s := w.serve(t)
	w.place(t, "in", "jan.csv", []byte(head+line("MR-1", "10,00")+line("MR-2", "1.250,00")))
	s.answer(t, "out", "jan.ret.csv")
	s.answer(t, "out", "jan.rej.csv")
	b, err := os.ReadFile(filepath.Join(w.dir, "out", "jan.rej.csv"))
	if err != nil {
		t.Fatal(err)
	}
	mended := bytes.Replace(b, []byte("1.250,00"), []byte("1250,00"), 1)
	if bytes.Equal(mended, b) {
		t.Fatalf("the rejects file does not hold the raw cell:\n%s", b)
	}
	w.place(t, "in", "jan.rej.csv", mended)
	rows := s.answer(t, "out", "jan.rej.ret.csv")
	if len(rows) != 1 || rows[0]["Facture"] != "MR-2" || rows[0]["nv_state"] != "sent" {
		t.Errorf("the mended file is answered %v, want MR-2 sent", rows)
	}
	for _, ref := range []string{"MR-1", "MR-2"} {
		if n, _ := w.effects(t, ref); n != 1 {
			t.Errorf("%s had %d effects, want 1", ref, n)
		}
	}
}

// TestHostileNames: what is no plain file, or not meant for us, is left alone; what is plain is taken, however it is called.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, sandbox.None, sandbox.Faults{})
	w.configured(t, "", "")
	in := filepath.Join(w.dir, "in")
	long := strings.Repeat("n", 246) + ".csv" // 250 bytes
	taken := []string{"a\nb.csv", "a\x1b[31mb.csv", "a\xff\xfe.csv", long, "-rf.csv", "é ü.csv", "x;y,z\"q'.csv", "%s%n.csv", "noextension"}
	left := []string{".hidden.csv", "~$book.csv", "half.csv.tmp", "half.csv.part", ".~lock.other.csv#"}
	for i, name := range taken {
		w.place(t, "in", name, []byte(head+line(fmt.Sprintf("NAME-%d", i), "10,00")))
	}
	for _, name := range left {
		w.place(t, "in", name, []byte(head+line("LEFT-"+name, "10,00")))
	}
	secret := filepath.Join(w.dir, "outside.csv")
	if err := errors.Join(os.WriteFile(secret, []byte(head+line("OUTSIDE", "10,00")), 0o644), os.Symlink("/etc/passwd", in+"/passwd.csv"), os.Symlink(secret, in+"/link.csv"),
		syscall.Mkfifo(in+"/pipe.csv", 0o644), os.Mkdir(in+"/folder.csv", 0o755), os.WriteFile(in+"/folder.csv/inner.csv", []byte(head+line("INNER", "10,00")), 0o644)); err != nil {
		t.Fatal(err)
	}
	s := w.serve(t)
	for i := range taken {
		ref := fmt.Sprintf("NAME-%d", i)
		s.eventually(t, fmt.Sprintf("%q is sent", taken[i]), func() error {
			if n, _ := w.effects(t, ref); n != 1 {
				return fmt.Errorf("%d effects", n)
			}
			return nil
		})
	}
	s.eventually(t, "each has its answers", func() error {
		acks, err := filepath.Glob(filepath.Join(w.dir, "out", "*.ack.csv"))
		results, err2 := filepath.Glob(filepath.Join(w.dir, "out", "*.ret.csv"))
		if len(acks) != len(taken) || len(results) != len(taken) {
			return fmt.Errorf("%d acks and %d results of %d files (%w, %w)", len(acks), len(results), len(taken), err, err2)
		}
		return nil
	})
	for _, name := range append(left, "passwd.csv", "link.csv", "pipe.csv", "folder.csv", "folder.csv/inner.csv") {
		if _, err := os.Lstat(in + "/" + name); err != nil {
			t.Errorf("%q was touched: %v", name, err)
		}
	}
	entries, err := os.ReadDir(in)
	if err != nil || len(entries) != len(left)+4 {
		t.Errorf("the drop folder holds %v (%v), want what must be left alone", entries, err)
	}
	l, err := w.psp.Ledger()
	if err != nil || len(l.Keys) != len(taken) {
		t.Errorf("%d instructions reached the PSP, want %d (%v)", len(l.Keys), len(taken), err)
	}
	for e := range strings.Lines(s.log.String()) {
		if strings.Contains(e, "\x1b") || strings.Contains(e, "\xff") {
			t.Errorf("a name's bytes reach the terminal through the log: %q", e)
		}
	}
	for _, args := range [][]string{{"files"}, {"files", "--json"}, {"rows"}, {"status"}, {"where", "NAME-1"}} {
		if out := w.says(t, 0, args...); strings.ContainsAny(out, "\x1b") {
			t.Errorf("navette %q prints a name's escape sequence: %q", args, out)
		}
	}
}

// TestLongRows: rows that are long, and within every bound, cost no more memory than short ones.
func TestLongRows(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		rows       int
	}{
		{"many-short", head + strings.Repeat("B;x;y;z\r\n", 20000), 20000},
		{"many-long", head + strings.Repeat(strings.Repeat("B", 1000000)+";x;y;z\r\n", 50), 50},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1, sandbox.None, sandbox.Faults{})
			w.configured(t, "", "")
			s := w.serve(t)
			w.place(t, "in", "long.csv", []byte(tt.text))
			if rows := s.answer(t, "out", "long.ack.csv"); len(rows) != tt.rows {
				t.Errorf("it is answered with %d rows, want %d", len(rows), tt.rows)
			}
			const bound = memory + 64<<20 // a row of a megabyte is held some times over while it is judged; the file has 50
			if got := s.peak(t); got > bound {
				t.Errorf("the daemon held %d MiB at its peak, want at most %d", got>>20, bound>>20)
			}
		})
	}
}

// TestTakenNames: what stands in the out folder under a return's name is never overwritten, followed or opened, whatever
// it is.
func TestTakenNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, sandbox.None, sandbox.Faults{})
	w.configured(t, "", "")
	out, outside := filepath.Join(w.dir, "out"), filepath.Join(w.dir, "outside")
	if err := errors.Join(os.WriteFile(outside, []byte("precious"), 0o644), os.WriteFile(out+"/file.ack.csv", []byte("precious"), 0o644), os.WriteFile(out+"/file.ret.csv", nil, 0o644),
		os.Symlink(outside, out+"/link.ack.csv"), os.Symlink(out+"/nowhere", out+"/link.ret.csv"), syscall.Mkfifo(out+"/pipe.ack.csv", 0o644), os.Mkdir(out+"/pipe.ret.csv", 0o755)); err != nil {
		t.Fatal(err)
	}
	s := w.serve(t)
	for _, stem := range []string{"file", "link", "pipe"} {
		w.place(t, "in", stem+".csv", []byte(head+line("TAKEN-"+stem, "10,00")))
	}
	for _, stem := range []string{"file", "link", "pipe"} {
		if rows := s.answer(t, "out", stem+".ack.2.csv"); len(rows) != 1 || rows[0]["state"] != "accepted" {
			t.Errorf("%s is acknowledged %v", stem, rows)
		}
		if rows := s.answer(t, "out", stem+".ret.2.csv"); len(rows) != 1 || rows[0]["nv_state"] != "sent" {
			t.Errorf("%s is answered %v", stem, rows)
		}
	}
	for name, want := range map[string]string{outside: "precious", out + "/file.ack.csv": "precious", out + "/file.ret.csv": ""} {
		if b, err := os.ReadFile(name); err != nil || string(b) != want {
			t.Errorf("%s holds %q (%v), want %q", filepath.Base(name), b, err, want)
		}
	}
	if _, err := os.Lstat(out + "/nowhere"); err == nil {
		t.Error("a link was followed to where nothing stood")
	}
}

// TestHeldFiles: files that are too old or too large wait, unread where they are too large, and go on when released.
func TestHeldFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, sandbox.None, sandbox.Faults{})
	w.configured(t, "", `max_age: 1d, limits: {bytes: 4KB, rows: 10}`)
	tmp := filepath.Join(w.dir, "old.csv")
	old := time.Now().Add(-48 * time.Hour)
	if err := errors.Join(os.WriteFile(tmp, []byte(head+line("OLD", "10,00")), 0o644), os.Chtimes(tmp, old, old), os.Rename(tmp, filepath.Join(w.dir, "in", "old.csv"))); err != nil {
		t.Fatal(err)
	}
	many := head
	for i := range 11 {
		many += line(fmt.Sprintf("MANY-%d", i), "10,00")
	}
	w.place(t, "in", "many.csv", []byte(many))
	w.place(t, "in", "large.csv", []byte(head+line("LARGE", "10,00")+strings.Repeat("x;y;z;a\r\n", 1000)))
	s := w.serve(t)
	w.place(t, "in", "good.csv", []byte(head+line("GOOD", "10,00")))
	s.answer(t, "out", "good.ret.csv")
	for name, code := range map[string]string{"old.csv": "NV-1006", "many.csv": "NV-1504", "large.csv": "NV-1504"} {
		s.eventually(t, name+" is held", func() error {
			if f := w.file(t, name); f.State != "held" || f.Code != code {
				return fmt.Errorf("%s %s, want held %s", f.State, f.Code, code)
			}
			return nil
		})
	}
	if l, err := w.psp.Ledger(); err != nil || l.Totals.Arrivals != 1 {
		t.Errorf("%d rows were sent, want the good file's one (%v)", l.Totals.Arrivals, err)
	}
	w.says(t, 0, "release", w.file(t, "old.csv").ID, "--reason", "late but good")
	w.says(t, 0, "release", w.file(t, "many.csv").ID, "--reason", "a good month")
	w.says(t, 0, "refuse", w.file(t, "large.csv").ID, "--reason", "not ours")
	s.answer(t, "out", "old.ret.csv")
	if rows := s.answer(t, "out", "many.ret.csv"); len(rows) != 11 {
		t.Errorf("many.csv is answered with %d rows, want 11", len(rows))
	}
	if rows := s.answer(t, "out", "large.ack.csv"); len(rows) != 1 || rows[0]["line"] != "0" || rows[0]["state"] != "rejected" || rows[0]["code"] != "NV-1504" {
		t.Errorf("the refused file is answered %v, want one row rejected with NV-1504", rows)
	}
	for ref, want := range map[string]int{"OLD": 1, "MANY-10": 1, "LARGE": 0} {
		if n, _ := w.effects(t, ref); n != want {
			t.Errorf("%s had %d effects, want %d", ref, n, want)
		}
	}
}

// TestControlCharacters: what a cell smuggles in stays in its echo: no other line of an ack, no terminal, no PSP sees it.
func TestControlCharacters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, sandbox.None, sandbox.Faults{})
	w.configured(t, "", "")
	s := w.serve(t)
	w.place(t, "in", "control.csv", []byte(head+"CC\x1b[31m-1;1,00;02/12/2026;\r\nCC-2;1,00;02/12/2026;\"a@b.example\r\nBcc: c@d.example\"\r\n"+line("CC-3", "1,00")))
	rows := s.answer(t, "out", "control.ack.csv")
	for i, want := range []string{"rejected", "rejected", "accepted"} {
		if len(rows) != 3 || rows[i]["state"] != want {
			t.Errorf("row %d is answered %v, want %s", i, rows, want)
		}
	}
	for _, r := range rows {
		if strings.ContainsAny(r["message"], "\r\n\x1b") {
			t.Errorf("the message %q holds control characters", r["message"])
		}
	}
}
