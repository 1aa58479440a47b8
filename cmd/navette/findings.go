package main

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/mappings"
)

// Bounds of what is kept of one finding, in characters: a cell may hold a megabyte.
const (
	maxValue   = 200
	maxMessage = 600
)

// finding is one thing said of a file or of a row, as `check FILE --json` gives it (contract §2).
type finding struct {
	Line    int    `json:"line"` // 0: the file as a whole
	Column  string `json:"column"`
	Letter  string `json:"letter"`
	Code    string `json:"code"`
	Rule    string `json:"rule"`
	Value   string `json:"value"`
	Message string `json:"message"`
}

// cause is every finding of one code, and of one rule where the code is a rule's.
type cause struct {
	code, rule string
	count      int64
	kept       []finding // the first ones
}

// findings gathers what is said, counted whole and kept up to a limit, so that memory does not know the file's length.
type findings struct {
	limit  int // of what is shown; 0: everything
	lang   string
	causes []*cause // the file's own first, then as they appeared
	by     map[[2]string]*cause
	count  int64
}

func newFindings(limit int, lang string) *findings {
	return &findings{limit: limit, lang: lang, by: map[[2]string]*cause{}}
}

// add notes a problem of the mapping.
func (f *findings) add(p mappings.Problem) {
	f.note(p.Line, p.Column, p.Letter, p.Code, p.Rule, p.Value, p.Text, p.More)
}

// say notes a sentence of the catalogue; its code is the first part of its key.
func (f *findings) say(line int, key string, args ...string) {
	f.note(line, "", "", key[:len("NV-0000")], "", "", message.New(key, args...))
}

func (f *findings) note(line int, column, letter, code, rule, value string, texts ...message.Text) {
	key := [2]string{code, rule}
	c := f.by[key]
	if c == nil {
		c = &cause{code: code, rule: rule}
		f.by[key] = c
		at := len(f.causes)
		if line == 0 {
			at = slices.IndexFunc(f.causes, func(c *cause) bool { return c.kept[0].Line > 0 })
			if at < 0 {
				at = len(f.causes)
			}
		}
		f.causes = slices.Insert(f.causes, at, c)
	}
	c.count++
	f.count++
	if f.limit > 0 && len(c.kept) >= f.limit {
		return
	}
	said := texts[0].In(f.lang)
	for _, more := range texts[1:] {
		if !more.IsZero() {
			said = message.New("ui.check.more", "said", said, "more", more.In(f.lang)).In(f.lang)
		}
	}
	// Cloned: texts of a row are parts of larger ones, which are not to be kept.
	c.kept = append(c.kept, finding{line, strings.Clone(clip(column, maxValue)), letter, code, rule, strings.Clone(clip(value, maxValue)),
		strings.Clone(clip(said, maxMessage))})
}

// share cuts what is kept of each cause so that limit are shown in all, each cause getting its turn: a common fault
// hides no rare one.
func (f *findings) share() {
	if f.limit == 0 {
		return
	}
	quota := make([]int, len(f.causes))
	left := f.limit
	for given := true; given && left > 0; {
		given = false
		for i, c := range f.causes {
			if left > 0 && quota[i] < len(c.kept) {
				quota[i]++
				left--
				given = true
			}
		}
	}
	for i, c := range f.causes {
		c.kept = c.kept[:quota[i]]
	}
}

// list gives what is shown, in the order of the file.
func (f *findings) list() []finding {
	all := []finding{}
	for _, c := range f.causes {
		all = append(all, c.kept...)
	}
	slices.SortStableFunc(all, func(a, b finding) int { return a.Line - b.Line })
	return all
}

// clip cuts a text to max characters.
func clip(s string, max int) string {
	if len(s) <= max || utf8.RuneCountInString(s) <= max {
		return s
	}
	for i := range s {
		if max--; max == 0 {
			return s[:i] + "…"
		}
	}
	return s
}
