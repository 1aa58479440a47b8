package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/navette-connect/navette/mappings"
	"github.com/navette-connect/navette/mappings/presets"
	"github.com/navette-connect/navette/mappings/propose"
)

// initView is `mapping init --json`; keys are only ever added.
type initView struct {
	File     string            `json:"file"`
	Name     string            `json:"name"`
	Preset   string            `json:"preset"` // the known layout it starts from, "" for none
	Kind     string            `json:"kind"`
	Out      string            `json:"out"` // where it was written, "" = nowhere
	Source   map[string]string `json:"source"`
	Columns  []initColumn      `json:"columns"`
	Guesses  []string          `json:"guesses"`
	Rows     int               `json:"rows"`
	LeftOut  int               `json:"left_out"`
	Accepted int               `json:"accepted"`
	Rejected int               `json:"rejected"`
	Skipped  int               `json:"skipped"`
	Total    map[string]string `json:"total"`
	Mapping  string            `json:"mapping"` // the YAML
}

type initColumn struct {
	Letter  string `json:"letter"`
	Title   string `json:"title"`
	Field   string `json:"field"`
	Confirm bool   `json:"confirm"`
}

// initOptions are the flags of `mapping init`.
type initOptions struct {
	name, out string
	json      bool
}

func (a *app) mappingInitCommand() *cobra.Command {
	var o initOptions
	c := command("init FILE", "", a.arguments(1, 1), func(_ *cobra.Command, args []string) error { return a.mappingInit(args[0], o) })
	c.Flags().StringVar(&o.name, "name", "", "")
	c.Flags().StringVar(&o.out, "out", "", "")
	c.Flags().BoolVar(&o.json, "json", false, "")
	return c
}

// mappingInit proposes a mapping for a sample. It is written to --out, else to standard output; a file that is there
// already is never changed.
func (a *app) mappingInit(path string, o initOptions) error {
	p, err := a.proposeFor(path, o.name)
	if err != nil {
		return err
	}
	out := o.out
	if info, err := os.Stat(out); err == nil && info.IsDir() {
		out = filepath.Join(out, p.Name+".yaml")
	}
	if out == "-" {
		out = ""
	}
	again := false
	if out != "" {
		if again, err = writeNew(out, p.YAML); err != nil {
			if errors.Is(err, fs.ErrExist) {
				return a.fail(exitUsage, "ui.mapping.init.exists", "path", clean(out))
			}
			return a.fail(exitFailed, "ui.mapping.init.write", "path", clean(out), "detail", a.cause(err, detail(err)))
		}
	}
	if o.json {
		return a.encode(viewProposal(p, path, out, a.lang()))
	}
	if out == "" {
		a.printf("%s", p.YAML)
		a.out = a.errs // the mapping alone goes to standard output
	}
	a.printProposal(p, path, out, again)
	return nil
}

// proposeFor reads a file and proposes its mapping, or says why there is none.
func (a *app) proposeFor(path, name string) (*propose.Proposal, error) {
	f, size, err := openPlain(path)
	if err != nil {
		return nil, a.fail(exitUsage, "ui.check.open", "path", clean(path), "detail", a.cause(err, detail(err)))
	}
	defer f.Close()
	p, err := propose.Propose(mappings.Spooled{ReaderAt: f, Size: size, Name: filepath.Base(path)},
		propose.Options{Formats: formats(), Preset: presets.Source, Name: name, Lang: a.lang()})
	var file *mappings.FileError
	var why *propose.Refusal
	switch {
	case errors.As(err, &file):
		return nil, a.fail(exitUsage, "ui.mapping.init.refused", "file", clean(filepath.Base(path)), "why", file.Problem.Code+" "+clean(file.Problem.Text.In(a.lang())))
	case errors.As(err, &why):
		return nil, a.fail(exitUsage, "ui.mapping.init.refused", "file", clean(filepath.Base(path)), "why", clean(why.Text.In(a.lang())))
	}
	return p, err
}

// writeNew writes a file that is not there yet. One that is there with the same bytes is left as it is (again); with
// others the error is fs.ErrExist.
func writeNew(path string, b []byte) (again bool, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, b) {
			return true, nil
		}
		return false, fs.ErrExist
	}
	if err != nil {
		return false, err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return false, errors.Join(err, os.Remove(path)) // half a mapping is none
	}
	return false, nil
}

func viewProposal(p *propose.Proposal, path, out, lang string) initView {
	v := initView{File: filepath.Base(path), Name: p.Name, Preset: p.Preset, Kind: string(p.Kind), Out: out, Source: map[string]string{}, Columns: []initColumn{},
		Guesses: []string{}, Rows: p.Tried.Rows, LeftOut: p.Tried.LeftOut, Accepted: p.Tried.Accepted + p.Tried.Held, Rejected: p.Tried.Rejected, Skipped: p.Tried.Skipped,
		Total: map[string]string{}, Mapping: string(p.YAML)}
	for _, f := range p.Source {
		v.Source[f.Key] = f.Value
	}
	for _, c := range p.Columns {
		v.Columns = append(v.Columns, initColumn{c.Letter, c.Title, c.Field, c.Confirm})
	}
	for _, g := range p.Guesses {
		v.Guesses = append(v.Guesses, g.In(lang))
	}
	for _, currency := range p.Tried.Currencies() {
		v.Total[currency] = p.Tried.Total[currency].Decimal('.')
	}
	return v
}

// printProposal says what was seen, what was guessed, what the sample gives, and what to type next.
func (a *app) printProposal(p *propose.Proposal, path, out string, again bool) {
	a.printSeen(p, path)
	if out == "" {
		a.printf("%s\n", a.say("ui.mapping.init.next_out", "path", clean(path), "name", p.Name))
		return
	}
	key := "ui.mapping.init.written"
	if again {
		key = "ui.mapping.init.again"
	}
	a.printf("%s\n", a.say(key, "path", clean(out)))
	shown := out
	if !filepath.IsAbs(out) && !strings.ContainsRune(out, filepath.Separator) {
		shown = "./" + out
	}
	a.printf("%s\n", a.say("ui.mapping.init.next", "path", clean(path), "out", clean(shown), "name", p.Name))
}

// printSeen says what was seen, what was guessed and what the sample gives.
func (a *app) printSeen(p *propose.Proposal, path string) {
	var facts []string
	for _, f := range p.Source {
		facts = append(facts, f.Key+" "+strconv.Quote(f.Value))
	}
	a.printf("%s\n", a.say("ui.mapping.init.seen", "file", clean(filepath.Base(path)), "facts", clean(strings.Join(facts, ", "))))
	rows := [][]string{}
	unused := []string{}
	for _, c := range p.Columns {
		mark := ""
		if c.Confirm {
			mark = a.say("ui.mapping.init.confirm")
		}
		if c.Field == "" {
			unused = append(unused, or(clean(c.Title), "="+c.Letter))
			continue
		}
		rows = append(rows, []string{"  " + c.Letter, clean(c.Title), "→ " + c.Field, clean(c.Example), mark})
	}
	if len(rows) > 0 {
		_ = a.table(rows) // what was made is written already
	}
	if len(unused) > 0 {
		a.printf("%s\n", a.say("ui.mapping.init.unused", "columns", strings.Join(unused, ", ")))
	}
	if len(p.Guesses) > 0 {
		a.printf("\n%s\n", a.say("ui.mapping.init.look"))
		for _, g := range p.Guesses {
			for i, line := range wrapped(clean(g.In(a.lang())), helpWidth-4) {
				mark := "  - "
				if i > 0 {
					mark = "    "
				}
				a.printf("%s%s\n", mark, line)
			}
		}
	}
	a.printf("\n")
	a.printTrial(p)
}

// printTrial says what the proposal makes of the sample it was made from.
func (a *app) printTrial(p *propose.Proposal) {
	t := p.Tried
	if t.Refused != nil {
		a.printf("%s\n", a.say("ui.mapping.init.unread", "why", t.Refused.Problem.Code+" "+clean(t.Refused.Problem.Text.In(a.lang()))))
		return
	}
	var sums []string
	for _, currency := range t.Currencies() {
		sums = append(sums, a.money(t.Total[currency]))
	}
	total := strings.Join(slices.DeleteFunc(sums, func(s string) bool { return s == "" }), a.say("ui.and"))
	a.printf("%s\n", a.say("ui.mapping.init.trial", "rows", a.number(int64(t.Rows)), "left", a.number(int64(t.LeftOut)), "accepted", a.number(int64(t.Accepted+t.Held)), "total", dash(total),
		"rejected", a.number(int64(t.Rejected)), "skipped", a.number(int64(t.Skipped))))
	for _, problem := range t.Problems {
		a.printf("  %s %s\n", problem.Code, a.place(finding{Line: problem.Line, Column: problem.Column, Letter: problem.Letter, Message: problem.Text.In(a.lang())}))
	}
}
