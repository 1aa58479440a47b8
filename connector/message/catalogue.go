package message

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// load reads the embedded catalogue at its first use.
var load = sync.OnceValue(func() *catalogue {
	c, _ := prepared(ready) // what cannot be read shows as its key; the tests see to it that this never ships
	return c
})

// Entry is one code of the catalogue.
type Entry struct {
	Code    string   // "NV-1204"
	Title   Text     // a few words
	Explain Text     // what it means and how to mend it; several sentences
	Keys    []string // the keys of its sentences, "NV-1204.impossible", sorted
}

// Lookup finds a code; "1204" and "nv-1204" are understood too, as people type them.
func Lookup(code string) (Entry, bool) {
	code = strings.ToUpper(strings.TrimSpace(code))
	if !strings.HasPrefix(code, "NV-") {
		code = "NV-" + code
	}
	e, ok := load().entries[code]
	if !ok {
		return Entry{}, false
	}
	out := Entry{Code: code, Title: Literal(e.Title.FR, e.Title.EN), Explain: Literal(e.Explain.FR, e.Explain.EN)}
	for name := range e.Texts {
		out.Keys = append(out.Keys, code+"."+name)
	}
	slices.Sort(out.Keys)
	return out, true
}

// Codes lists every code, sorted.
func Codes() []string { return slices.Sorted(maps.Keys(load().entries)) }

// Has tells whether the catalogue has a sentence of that key.
func Has(key string) bool {
	_, ok := load().sentences[key]
	return ok
}

// Title says in a few words what a code is about; the code itself when it is unknown.
func Title(code, lang string) string {
	e, ok := Lookup(code)
	if !ok {
		return code
	}
	return e.Title.In(lang)
}

// Explain says what a code means and how to mend it; "" when the code is unknown.
func Explain(code, lang string) string {
	e, _ := Lookup(code)
	return e.Explain.In(lang)
}

// Check tells what is wrong with a text: its key is not in the catalogue, an argument is missing, or one is given that
// no language says. For tests; In never fails.
func (t Text) Check() error {
	if t.Key == "" {
		if t.IsZero() {
			return errors.New("nothing to say")
		}
		return nil
	}
	p, ok := load().sentences[t.Key]
	if !ok {
		return fmt.Errorf("no sentence %q", t.Key)
	}
	if len(t.Args)%2 != 0 {
		return fmt.Errorf("%s: a name without a value in %q", t.Key, t.Args)
	}
	var errs []error
	used := map[string]bool{}
	for _, lang := range []string{"fr", "en"} {
		for _, name := range placeholders(p.in(lang)) {
			used[name] = true
			if _, ok := t.arg(name, lang); !ok {
				errs = append(errs, fmt.Errorf("%s: {%s} is not given (%s)", t.Key, name, lang))
			}
		}
	}
	for i := 0; i < len(t.Args); i += 2 {
		if name, _, _ := strings.Cut(t.Args[i], "."); !used[name] {
			errs = append(errs, fmt.Errorf("%s: %q is never said", t.Key, t.Args[i]))
		}
	}
	return errors.Join(errs...)
}

// pair is one sentence in both languages.
type pair struct {
	FR string `yaml:"fr" json:"fr,omitempty"`
	EN string `yaml:"en" json:"en,omitempty"`
}

func (p pair) in(lang string) string {
	if lang == "fr" && p.FR != "" || p.EN == "" {
		return p.FR
	}
	return p.EN
}

// entry is one top key of a file: a code, or (fr and en alone) a sentence of the command line.
type entry struct {
	Title   pair            `yaml:"title" json:"title"`
	Explain pair            `yaml:"explain" json:"explain"`
	Texts   map[string]pair `yaml:"texts" json:"texts,omitempty"`
	FR      string          `yaml:"fr" json:"fr,omitempty"`
	EN      string          `yaml:"en" json:"en,omitempty"`
}

type catalogue struct {
	entries   map[string]*entry // by code
	sentences map[string]pair   // by key: "NV-1204.impossible", "NV-1204" (the title), "ui.demo.intro"
}

func (c *catalogue) add(key string, e entry) error {
	if !strings.HasPrefix(key, "NV-") {
		if e.Title != (pair{}) || e.Explain != (pair{}) || e.Texts != nil {
			return fmt.Errorf("%s is no code: only fr and en are expected", key)
		}
		return c.say(key, pair{e.FR, e.EN})
	}
	if e.FR != "" || e.EN != "" {
		return fmt.Errorf("%s is a code: title, explain and texts are expected", key)
	}
	old, known := c.entries[key]
	if !known {
		old = &entry{Texts: map[string]pair{}}
		c.entries[key] = old
	}
	var errs []error
	if e.Title != (pair{}) {
		if errs = append(errs, c.say(key, e.Title)); errs[0] == nil {
			old.Title = e.Title
		}
	}
	if e.Explain != (pair{}) {
		if old.Explain != (pair{}) {
			errs = append(errs, fmt.Errorf("%s is explained twice", key))
		}
		old.Explain = e.Explain
	}
	for _, name := range slices.Sorted(maps.Keys(e.Texts)) {
		old.Texts[name] = e.Texts[name]
		errs = append(errs, c.say(key+"."+name, e.Texts[name]))
	}
	return errors.Join(errs...)
}

func (c *catalogue) say(key string, p pair) error {
	if _, twice := c.sentences[key]; twice {
		return fmt.Errorf("%s is said twice", key)
	}
	c.sentences[key] = p
	return nil
}

// placeholders lists the {names} of a sentence, sorted, each once.
func placeholders(s string) []string {
	var names []string
	for {
		_, name, after, ok := cutPlaceholder(s)
		if !ok {
			slices.Sort(names)
			return slices.Compact(names)
		}
		names = append(names, name)
		s = after
	}
}
