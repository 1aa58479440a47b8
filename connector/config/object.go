package config

import (
	"cmp"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"

	"github.com/navette-connect/navette/connector/message"
)

// builder gathers problems and the origin of every setting while a Config is built.
type builder struct {
	problems
	secrets     Secrets
	credentials string // $CREDENTIALS_DIRECTORY
	databases   []string
	shown       []shown
	asked       func(o *object) // of each object that was read, for tests; nil in production
	transport   map[string]*Transport
}

// shown is one setting as `config show` prints it.
type shown struct {
	key, value, origin string
	at                 Position // zero for defaults, environment and flags
}

func (b *builder) note(key, value, origin string, at Position) {
	b.shown = append(b.shown, shown{key, value, origin, at})
}

// item is one key of a YAML mapping with its value.
type item struct {
	key, value Position
	node       ast.Node
}

func (it *item) scalar() bool { _, ok := scalarText(it.node); return ok }

// object is one YAML mapping being read. The keys asked for are the keys it knows; finish reports the others.
type object struct {
	b     *builder
	name  string // "flows.factures"; "" for the root
	at    Position
	items map[string]*item
	order []string // as written
	asked []string
}

func (o *object) key(k string) string {
	if o.name == "" {
		return k
	}
	return o.name + "." + k
}

// say makes a text about one of the object's keys: {key} is given with its path.
func (o *object) say(text, key string, args ...string) message.Text {
	return message.New(text, append([]string{"key", o.key(key)}, args...)...)
}

func (o *object) fail(at Position, key, text string, args ...string) {
	o.b.fail(at, o.key(key), code(text), o.say(text, key, args...))
}

// take gives a key's item, nil when it is absent or has no value.
func (o *object) take(key string) *item {
	if !slices.Contains(o.asked, key) {
		o.asked = append(o.asked, key)
	}
	it := o.items[key]
	if it == nil || it.node == nil {
		return nil
	}
	if _, null := it.node.(*ast.NullNode); null {
		return nil
	}
	return it
}

// place is where a key stands, or else the object that should have it.
func (o *object) place(key string) Position {
	if it := o.items[key]; it != nil {
		return it.value
	}
	return o.at
}

// require reports a key that is not there.
func (o *object) require(keys ...string) bool {
	all := true
	for _, k := range keys {
		if o.take(k) == nil {
			o.fail(o.at, k, "NV-4003.missing")
			all = false
		}
	}
	return all
}

// finish reports every key that nobody asked for. A key in elsewhere is known to another type.
func (o *object) finish() { o.finishType("", nil) }

func (o *object) finishType(typ string, elsewhere []string) {
	if o.b.asked != nil {
		o.b.asked(o)
	}
	for _, k := range o.order {
		if slices.Contains(o.asked, k) {
			continue
		}
		at := o.items[k].key
		near := nearest(k, o.asked)
		switch {
		case slices.Contains(elsewhere, k):
			o.b.fail(at, o.key(k), "NV-4002", message.New("NV-4002.other_type", "key", k, "type", typ))
		case near != "":
			o.b.fail(at, o.key(k), "NV-4002", message.New("NV-4002.nearest", "key", k, "nearest", near))
		default:
			o.b.fail(at, o.key(k), "NV-4002", message.New("NV-4002.key", "key", k))
		}
	}
}

// bad reports a value of the wrong form.
func (o *object) bad(it *item, key, value string, w want) {
	o.fail(it.value, key, "NV-4004.value", "value", value, "expected.fr", w.fr, "expected.en", w.en)
}

// raw gives a key's plain text with what `config show` says of it; ok is false when it is absent or no plain value.
func (o *object) raw(key, def string, w want) (text string, it *item, ok bool) {
	it = o.take(key)
	if it == nil {
		o.b.note(o.key(key), def, "default", Position{})
		return def, nil, true
	}
	text, plain := scalarText(it.node)
	if !plain {
		o.shape(it, key, w)
		return "", it, false
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError }) {
		o.bad(it, key, strings.Trim(strconv.Quote(text), `"`), w)
		return "", it, false
	}
	o.b.note(o.key(key), text, "", it.value)
	return text, it, true
}

// shape reports a list or a mapping where a plain value belongs, and the reverse.
func (o *object) shape(it *item, key string, w want) {
	found := want{"un texte", "a text"}
	switch it.node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		found = want{"des clés", "keys"}
	case *ast.SequenceNode:
		found = want{"une liste", "a list"}
	}
	o.fail(it.value, key, "NV-4004.shape", "found.fr", found.fr, "found.en", found.en, "expected.fr", w.fr, "expected.en", w.en)
}

// parsed reads a plain value through parse. def goes the same way, so that defaults are written as people write them.
func parsed[T any](o *object, key, def string, w want, parse func(string) (T, bool)) T {
	var zero T
	text, it, ok := o.raw(key, def, w)
	if !ok {
		return zero
	}
	v, ok := parse(text)
	if !ok && it != nil {
		o.bad(it, key, text, w)
		return zero
	}
	return v
}

func (o *object) text(key, def string) string {
	return parsed(o, key, def, want{"un texte", "a text"}, func(s string) (string, bool) { return s, true })
}

func (o *object) boolean(key, def string) bool {
	return parsed(o, key, def, want{"true ou false", "true or false"}, func(s string) (bool, bool) { return s == "true", s == "true" || s == "false" })
}

// duration reads a duration from min to max.
func (o *object) duration(key, def string, min, max time.Duration) time.Duration {
	return bounded(o, key, def, wantDuration(), parseDuration, min, max, ShowDuration)
}

func (o *object) integer(key, def string, min, max int) int {
	parse := func(s string) (int, bool) {
		n, err := strconv.Atoi(s)
		return n, err == nil && s[0] != '+'
	}
	return bounded(o, key, def, want{"un nombre entier", "a whole number"}, parse, min, max, strconv.Itoa)
}

// bounded is parsed with a range.
func bounded[T cmp.Ordered](o *object, key, def string, w want, parse func(string) (T, bool), min, max T, show func(T) string) T {
	return parsed(o, key, def, w, func(s string) (T, bool) {
		v, ok := parse(s)
		if it := o.items[key]; ok && it != nil && (v < min || v > max) {
			o.fail(it.value, key, "NV-4004.range", "value", s, "min", show(min), "max", show(max))
		}
		return v, ok
	})
}

// choice reads one of a few words. def "" means that the caller decides.
func (o *object) choice(key, def string, values ...string) string {
	list := strings.Join(values, ", ")
	w := want{list, list}
	text, it, ok := o.raw(key, def, w)
	if !ok || it == nil || slices.Contains(values, text) {
		return text
	}
	if near := nearest(text, values); near != "" {
		o.fail(it.value, key, "NV-4004.one_of_nearest", "value", text, "nearest", near, "values", list)
	} else {
		o.fail(it.value, key, "NV-4004.one_of", "value", text, "values", list)
	}
	return ""
}

// path reads an absolute path, cleaned.
func (o *object) path(key, def string) string {
	text, it, ok := o.raw(key, def, want{"un chemin absolu", "an absolute path"})
	if !ok || text == "" {
		return ""
	}
	if !filepath.IsAbs(text) {
		if it != nil {
			o.fail(it.value, key, "NV-4004.relative", "value", text)
		}
		return ""
	}
	return filepath.Clean(text)
}

// element is one text of a list.
type element struct {
	text string
	at   Position
}

// list reads texts; a single one may stand alone. nil when the key is absent.
func (o *object) list(key string, w want) []element {
	it := o.take(key)
	if it == nil {
		return nil
	}
	nodes := []ast.Node{it.node}
	if seq, ok := it.node.(*ast.SequenceNode); ok {
		nodes = seq.Values
	}
	list := []element{}
	for _, n := range nodes {
		text, ok := scalarText(n)
		if !ok || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError }) {
			o.shape(&item{value: o.b.at(it.value.File, n), node: n}, key, w)
			continue
		}
		list = append(list, element{text, o.b.at(it.value.File, n)})
	}
	return list
}

// noteList records a list as `config show` prints it.
func (o *object) noteList(key string, values []string) {
	it := o.items[key]
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = quote(v)
	}
	text := rawYAML + "[" + strings.Join(quoted, ", ") + "]"
	if it == nil {
		o.b.note(o.key(key), text, "default", Position{})
		return
	}
	o.b.note(o.key(key), text, "", it.value)
}

// object reads a nested mapping; nil when it is absent or no mapping (reported).
func (o *object) object(key string) *object {
	it := o.take(key)
	if it == nil {
		return nil
	}
	child, ok := o.b.mapping(it, o.key(key))
	if !ok {
		o.shape(it, key, want{"des clés", "keys"})
		return nil
	}
	return child
}

// nearest finds the known word that was probably meant, "" when none is near.
func nearest(word string, known []string) string {
	best, least := "", 1+min(max(1, len(word)/3), 4)
	for _, k := range known {
		if d := distance(strings.ToLower(strings.ReplaceAll(word, "-", "_")), k); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance counts the edits between two words, two swapped neighbours as one.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		older := before
		before, row = row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(before[j]+1, row[j-1]+1, before[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
