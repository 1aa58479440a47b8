package mappings

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/navette-connect/navette/connector/payment"
)

// Options is what Load needs from outside.
type Options struct {
	// Formats makes the readers of the source formats, by name.
	Formats map[string]func(Source) (Format, error)
	// Use gives the YAML of another mapping or preset; nil when there is none to be had.
	Use func(name string) ([]byte, error)
	// Lookup gives the bytes of a table, by its path as the mapping writes it (beside the mapping where it is not
	// absolute); nil when there are none to be had.
	Lookup func(path string) ([]byte, error)
}

// Load compiles a mapping. file is its name in messages; src its YAML. The error is a LoadError that lists everything
// wrong, with file, line and column.
func Load(file string, src []byte, opt Options) (*Mapping, error) {
	l := &loader{opt: opt, m: &Mapping{byName: map[string]*field{}}}
	tree := l.resolve(file, src, nil)
	if tree != nil {
		l.mapping(tree)
	}
	if err := l.p.err(); err != nil {
		return nil, err
	}
	var b strings.Builder
	tree.canonical(&b, true)
	sum := sha256.Sum256([]byte(b.String()))
	l.m.hash = hex.EncodeToString(sum[:])
	l.m.warnings = l.warnings
	return l.m, nil
}

// loader builds one mapping.
type loader struct {
	opt      Options
	p        problems
	warnings problems
	m        *Mapping
	c        exprCompiler
	values   []*node // of the computed fields, in their order
}

// resolve reads a mapping and lays it over those it uses.
func (l *loader) resolve(file string, src []byte, chain []string) *node {
	tree := parseTree(file, src, &l.p)
	use := tree.get("use")
	if use == nil {
		return tree
	}
	switch {
	case use.kind != scalarNode:
		l.p.add(use.pos, "NV-4004.shape", "key", "use", "found.fr", "autre chose", "found.en", "something else", "expected.fr", "un nom de modèle", "expected.en", "a mapping's name")
		return tree
	case slices.Contains(chain, use.text) || len(chain) > 8:
		l.p.add(use.pos, "NV-4020.circle", "name", use.text)
		return tree
	case l.opt.Use == nil:
		l.p.add(use.pos, "NV-4020.use", "name", use.text, "detail", "no presets")
		return tree
	}
	base, err := l.opt.Use(use.text)
	if err != nil {
		l.p.add(use.pos, "NV-4020.use", "name", use.text, "detail", err.Error())
		return tree
	}
	below := l.resolve(use.text, base, append(chain, use.text))
	if below == nil {
		return tree
	}
	return merge(below.withoutUsed(tree), tree)
}

// withoutUsed leaves out the returns that top makes of a ready one under their name: `use` says what such a return is laid
// over, and half a layout of each would be neither.
func (n *node) withoutUsed(top *node) *node {
	returns, used := n.get("returns"), top.get("returns")
	if returns == nil || used == nil {
		return n
	}
	kept := &node{pos: returns.pos, kind: returns.kind}
	for i, k := range returns.keys {
		if used.get(k.text).get("use") == nil {
			kept.keys, kept.items = append(kept.keys, k), append(kept.items, returns.items[i])
		}
	}
	if returns.kind != mapNode || len(kept.keys) == len(returns.keys) {
		return n
	}
	out := &node{pos: n.pos, kind: n.kind, keys: n.keys, items: slices.Clone(n.items)}
	out.items[slices.Index(n.items, returns)] = kept
	return out
}

// object is a map of the mapping whose keys are known.
type object struct {
	l    *loader
	n    *node
	path string
}

// object takes a node as a map; keys that are not known are reported, with the nearest one.
func (l *loader) object(n *node, path string, known ...string) object {
	o := object{l, n, path}
	if n == nil || n.kind == nullNode {
		o.n = nil
		return o
	}
	if n.kind != mapNode {
		o.shape(n, path, "des clés", "keys")
		o.n = nil
		return o
	}
	for i, k := range n.keys {
		switch {
		case k.text == "confirm":
			if o.boolean("confirm", false) {
				l.m.confirm = append(l.m.confirm, fmt.Sprintf("%s (line %d)", strings.TrimPrefix(path, "."), n.items[i].line))
			}
		case slices.Contains(known, k.text):
		default:
			if near := nearest(k.text, known); near != "" {
				l.p.add(k.pos, "NV-4002.nearest", "key", k.text, "nearest", near)
			} else {
				l.p.add(k.pos, "NV-4002.key", "key", k.text)
			}
		}
	}
	return o
}

func (o object) get(key string) *node {
	if n := o.n.get(key); n != nil && n.kind != nullNode {
		return n
	}
	return nil
}

// at is the place of a key, that of the object where it is not given.
func (o object) at(key string) pos {
	if n := o.get(key); n != nil {
		return n.pos
	}
	if o.n != nil {
		return o.n.pos
	}
	return pos{}
}

func (o object) shape(n *node, key, fr, en string) {
	foundFR, foundEN := "un texte", "a text"
	switch n.kind {
	case listNode:
		foundFR, foundEN = "une liste", "a list"
	case mapNode:
		foundFR, foundEN = "des clés", "keys"
	case nullNode:
		foundFR, foundEN = "rien", "nothing"
	}
	o.l.p.add(n.pos, "NV-4004.shape", "key", key, "found.fr", foundFR, "found.en", foundEN, "expected.fr", fr, "expected.en", en)
}

func (o object) text(key, otherwise string) string {
	n := o.get(key)
	if n == nil {
		return otherwise
	}
	if n.kind != scalarNode {
		o.shape(n, key, "un texte", "a text")
		return otherwise
	}
	return n.text
}

// list takes a value as a list; one value alone is a list of one.
func (o object) list(key string) []*node {
	n := o.get(key)
	switch {
	case n == nil:
		return nil
	case n.kind == listNode:
		return n.items
	}
	return []*node{n}
}

func (o object) texts(key string) []string {
	var out []string
	for _, n := range o.list(key) {
		switch n.kind {
		case scalarNode:
			out = append(out, n.text)
		case nullNode:
			out = append(out, "")
		default:
			o.shape(n, key, "des textes", "texts")
		}
	}
	return out
}

func (o object) boolean(key string, otherwise bool) bool {
	switch o.text(key, strconv.FormatBool(otherwise)) {
	case "true", "yes", "oui":
		return true
	case "false", "no", "non":
		return false
	}
	o.l.p.add(o.at(key), "NV-4004.value", "key", key, "value", o.text(key, ""), "expected", "true, false")
	return otherwise
}

func (o object) number(key string, otherwise, least, most int) int {
	n := o.get(key)
	if n == nil {
		return otherwise
	}
	v, err := strconv.Atoi(n.text)
	switch {
	case n.kind != scalarNode || err != nil:
		o.l.p.add(n.pos, "NV-4004.value", "key", key, "value", n.text, "expected.fr", "un nombre entier", "expected.en", "a whole number")
	case v < least || v > most:
		o.l.p.add(n.pos, "NV-4004.range", "key", key, "value", n.text, "min", strconv.Itoa(least), "max", strconv.Itoa(most))
	default:
		return v
	}
	return otherwise
}

func (o object) oneOf(key, otherwise string, values ...string) string {
	v := o.text(key, otherwise)
	if v == otherwise || slices.Contains(values, v) {
		return v
	}
	list := strings.Join(values, ", ")
	if near := nearest(v, values); near != "" {
		o.l.p.add(o.at(key), "NV-4004.one_of_nearest", "key", key, "value", v, "nearest", near, "values", list)
	} else {
		o.l.p.add(o.at(key), "NV-4004.one_of", "key", key, "value", v, "values", list)
	}
	return otherwise
}

// size reads "500MB": powers of 1000.
func (o object) size(key string, otherwise, most int64) int64 {
	text := o.text(key, "")
	if text == "" {
		return otherwise
	}
	s, factor := strings.ToUpper(strings.TrimSpace(text)), int64(1)
	for _, u := range [...]struct {
		unit   string
		factor int64
	}{{"KB", 1000}, {"MB", 1_000_000}, {"GB", 1_000_000_000}, {"KIB", 1 << 10}, {"MIB", 1 << 20}, {"GIB", 1 << 30}, {"B", 1}} {
		if rest, ok := strings.CutSuffix(s, u.unit); ok {
			s, factor = strings.TrimSpace(rest), u.factor
			break
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 || n > most/factor {
		o.l.p.add(o.at(key), "NV-4004.value", "key", key, "value", text, "expected", "200MB, 4GB")
		return otherwise
	}
	return n * factor
}

// char reads one character, or `none`.
func (o object) char(key string, otherwise rune) rune {
	n := o.get(key)
	if n == nil {
		return otherwise
	}
	text := n.text
	switch text {
	case "none", "":
		return 0
	case `\t`, "tab":
		return '\t'
	}
	if r, size := utf8.DecodeRuneInString(text); size == len(text) && r != utf8.RuneError && r != '\n' && r != '\r' {
		return r
	}
	o.l.p.add(n.pos, "NV-4004.value", "key", key, "value", text, "expected.fr", "un caractère, ou none", "expected.en", "one character, or none")
	return otherwise
}

func (o object) regexp(key string) *regexp.Regexp {
	n := o.get(key)
	if n == nil {
		return nil
	}
	re, err := regexp.Compile(o.text(key, ""))
	if err != nil {
		o.l.p.add(n.pos, "NV-4020.regexp", "key", key, "detail", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		return nil
	}
	return re
}

func (o object) dates(key string) []dateFormat {
	var out []dateFormat
	for _, n := range o.list(key) {
		f, err := parseDatePattern(n.text)
		if err != nil || n.kind != scalarNode {
			o.l.p.add(n.pos, "NV-4004.value", "key", key, "value", n.text, "expected", "%d/%m/%Y, DD/MM/YYYY, YYYYMMDD, excel…")
			continue
		}
		out = append(out, f)
	}
	return out
}

var mappingName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

// mapping reads the top of the tree.
func (l *loader) mapping(tree *node) {
	m := l.m
	l.c = exprCompiler{p: &l.p, warnings: &l.warnings}
	o := l.object(tree, "", "navette", "name", "currency", "kind", "locale", "description", "use", "source", "records", "group", "lookups",
		"fields", "parts", "rules", "control", "returns", "tests")
	if v := o.text("navette", ""); v != "mapping/v1" {
		l.p.add(o.at("navette"), "NV-4004.value", "key", "navette", "value", v, "expected", "mapping/v1")
	}
	if m.Name = o.text("name", ""); m.Name == "" {
		l.p.add(o.at("name"), "NV-4003.missing", "key", "name")
	} else if !mappingName.MatchString(m.Name) {
		l.p.add(o.at("name"), "NV-4004.value", "key", "name", "value", m.Name, "expected", "a-z, 0-9, -")
	}
	if k := o.text("kind", "request"); k == "statement" || k == "invoice-status" {
		l.p.add(o.at("kind"), "NV-4020.not_yet", "key", "kind: "+k)
	} else {
		m.Kind = Kind(o.oneOf("kind", "request", "request", "operation", "mixed"))
	}
	m.Description = o.text("description", "")
	m.Locale = o.oneOf("locale", "fr", "fr", "en")
	m.Currency = o.text("currency", "EUR")
	if _, err := payment.Exponent(m.Currency); err != nil {
		l.p.add(o.at("currency"), "NV-4004.value", "key", "currency", "value", m.Currency, "expected", "EUR, CHF, USD… (ISO 4217)")
	}
	l.lookups(o)
	l.source(o.get("source"), tree.get("records") != nil)
	l.recordTypes(o)
	l.fill(object{l, o.get("source"), "source"})
	l.fields(o)
	l.grouping(o)
	l.aggregates()
	l.nominals()
	l.compute()
	l.needed(o)
	l.skips(o.get("source"))
	l.parts(o)
	l.rules(o)
	l.returns(o)
	l.tests(o)
	l.titleRefs()
	l.checkFormat(o)
}

// titleRefs collects the titles that expressions name.
func (l *loader) titleRefs() {
	m := l.m
	byTitle := map[string]*titleRef{}
	take := func(p *program, keep bool) {
		if p == nil {
			return
		}
		for _, name := range p.names {
			if f := m.byName[name]; f != nil && !keep {
				f.shown = true
			}
			p.hush = p.hush || m.byName[name] != nil && m.byName[name].sensitive
		}
		for _, t := range p.titles {
			p.hush = p.hush || m.isSensitive(t)
			if byTitle[t] == nil {
				byTitle[t] = &titleRef{title: t, name: titleName(t), at: p.at}
				m.titles = append(m.titles, byTitle[t])
			}
			byTitle[t].keep = byTitle[t].keep || keep
			byTitle[t].shown = byTitle[t].shown || !keep
		}
	}
	for _, p := range m.skip {
		take(p, false)
	}
	for _, f := range m.computed {
		take(f.value, false)
	}
	for _, r := range m.rules {
		take(r.when, false)
	}
	names := map[string]bool{}
	for _, r := range m.returns {
		names["amount"] = names["amount"] || r.last != nil // it is summed up
		for _, p := range r.programs() {
			take(p, true)
			for _, n := range p.names {
				names[n] = true
			}
		}
	}
	for i := range m.parts {
		p := &m.parts[i]
		for _, e := range []*program{p.when, p.amount, p.dueOn, p.label} {
			take(e, false)
		}
	}
	for _, t := range m.titles {
		at := &node{pos: t.at}
		if m.records != nil {
			t.ref, _ = l.recordColumn(at, t.title)
		} else {
			t.ref = l.titled(at, t.title)
		}
	}
	k := &keeping{}
	for _, f := range m.fields {
		if names[f.name] {
			k.fields = append(k.fields, f)
		}
	}
	for i, t := range m.titles {
		if t.keep {
			k.titles = append(k.titles, i)
		}
	}
	if k.fields != nil || k.titles != nil {
		m.keep = k
	}
}

// isSensitive tells whether a sensitive field reads the column of that title.
func (m *Mapping) isSensitive(title string) bool {
	return slices.ContainsFunc(m.typed, func(f *field) bool {
		return f.sensitive && slices.ContainsFunc(f.columns, func(c columnRef) bool { return c.title != "" && fold(c.title) == fold(title) })
	})
}

// checkFormat makes the reader of the source.
func (l *loader) checkFormat(o object) {
	m := l.m
	source := object{l, o.get("source"), "source"}
	make, ok := l.opt.Formats[m.source.Format]
	if !ok {
		known := slices.Sorted(maps.Keys(l.opt.Formats))
		if slices.Contains([]string{"fixed", "xlsx", "ods", "json", "facturx", "cii", "ubl", "camt053", "mt940", "cfonb120"}, m.source.Format) {
			l.p.add(source.at("format"), "NV-4020.not_yet", "key", "source.format: "+m.source.Format)
		} else {
			l.p.add(source.at("format"), "NV-4004.one_of", "key", "format", "value", m.source.Format, "values", strings.Join(known, ", "))
		}
		return
	}
	if len(l.p) > 0 {
		return
	}
	f, err := make(m.source)
	if err != nil {
		l.p.add(source.at("format"), "NV-4020.source", "detail", err.Error())
		return
	}
	m.format = f
}
