package mappings

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/navette-connect/navette/connector/message"
)

// ErrInvalid is the kind of every error of Load: the mapping is wrong.
var ErrInvalid = errors.New("mapping wrong")

// LoadProblem is one thing wrong with a mapping.
type LoadProblem struct {
	File         string
	Line, Column int // from 1, in characters; 0 for a file as a whole
	Code         string
	Text         message.Text
}

// In gives the problem as one line, its place first.
func (p LoadProblem) In(lang string) string {
	at := p.File
	if p.Line > 0 {
		at += ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column)
	}
	return at + ": " + p.Code + " " + p.Text.In(lang)
}

// LoadError is everything wrong with a mapping, by file and line. It is an ErrInvalid.
type LoadError []LoadProblem

func (e LoadError) Error() string { return e.In("en") }

// In gives every problem in a language, one a line.
func (e LoadError) In(lang string) string {
	lines := make([]string, len(e))
	for i, p := range e {
		lines[i] = p.In(lang)
	}
	return strings.Join(lines, "\n")
}

// Is makes every LoadError an ErrInvalid.
func (e LoadError) Is(target error) bool { return target == ErrInvalid }

// pos is a place in a mapping's YAML.
type pos struct {
	file      string
	line, col int
}

type nodeKind int

const (
	nullNode nodeKind = iota
	scalarNode
	listNode
	mapNode
)

// node is YAML with its places: what a mapping says before anybody asks what it means.
type node struct {
	pos
	kind   nodeKind
	text   string // of a scalar, as written
	quoted bool
	keys   []*node // of a map: scalars
	items  []*node // of a list; of a map, the value of each key
}

// get is the value of a key, nil where there is none.
func (n *node) get(key string) *node {
	if n == nil || n.kind != mapNode {
		return nil
	}
	for i, k := range n.keys {
		if k.text == key {
			return n.items[i]
		}
	}
	return nil
}

// Bounds of a mapping file, far beyond any real one; the parser recurses, so its depth is bounded by them.
const (
	maxYAML      = 1 << 20 // bytes
	maxYAMLLine  = 16 << 10
	maxYAMLDepth = 64
)

// problems collects what is wrong, so that everything is told at once.
type problems []LoadProblem

func (p *problems) add(at pos, key string, args ...string) {
	*p = append(*p, LoadProblem{at.file, at.line, at.col, key[:len("NV-0000")], message.New(key, args...)})
}

// err gives what was collected, in the order of the files; nil when there is nothing.
func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	slices.SortStableFunc(p, func(a, b LoadProblem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return LoadError(slices.CompactFunc(p, func(a, b LoadProblem) bool { return a.In("en") == b.In("en") }))
}

// parseTree reads YAML. What it cannot read is added to p and gives nil.
func parseTree(file string, src []byte, p *problems) *node {
	at := pos{file: file}
	if len(src) > maxYAML {
		p.add(at, "NV-4001.size", "limit", "1MB")
		return nil
	}
	if !shallow(src) {
		p.add(at, "NV-4001.deep")
		return nil
	}
	parsed, err := safeParse(src)
	if err != nil {
		var se *yaml.SyntaxError
		detail := err.Error()
		if errors.As(err, &se) {
			detail = se.Message
			if se.Token != nil && se.Token.Position != nil {
				at.line, at.col = se.Token.Position.Line, se.Token.Position.Column
			}
		}
		p.add(at, "NV-4001.syntax", "detail", strings.Join(strings.Fields(detail), " "))
		return nil
	}
	t := treeMaker{file, p}
	var root *node
	for _, doc := range parsed.Docs {
		switch {
		case doc.Body == nil:
		case root != nil:
			p.add(t.at(doc.Body), "NV-4001.documents")
		default:
			root = t.node(doc.Body, 0)
		}
	}
	if root == nil || root.kind != mapNode {
		p.add(at, "NV-4004.shape", "key", file, "found.fr", "rien", "found.en", "nothing", "expected.fr", "des clés (navette: mapping/v1 …)", "expected.en", "keys (navette: mapping/v1 …)")
		return nil
	}
	return root
}

// shallow keeps the parser's recursion finite.
func shallow(src []byte) bool {
	depth := 0
	for line := range bytes.Lines(src) {
		if len(line) > maxYAMLLine || len(line)-len(bytes.TrimLeft(line, " -?:\t")) > 4*maxYAMLDepth {
			return false
		}
		for _, c := range line {
			switch c {
			case '[', '{':
				depth++
			case ']', '}':
				depth = max(0, depth-1)
			}
			if depth > maxYAMLDepth {
				return false
			}
		}
	}
	return true
}

// safeParse turns a panic of the YAML parser on odd input into an error: a mapping is a person's file.
func safeParse(src []byte) (file *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			file, err = nil, fmt.Errorf("unreadable YAML (%v)", r)
		}
	}()
	return parser.ParseBytes(src, 0)
}

type treeMaker struct {
	file string
	p    *problems
}

func (t treeMaker) at(n ast.Node) pos {
	if tk := n.GetToken(); tk != nil && tk.Position != nil {
		return pos{t.file, tk.Position.Line, tk.Position.Column}
	}
	return pos{file: t.file}
}

func (t treeMaker) node(n ast.Node, depth int) *node {
	out := &node{pos: t.at(n)}
	if depth > maxYAMLDepth {
		t.p.add(out.pos, "NV-4001.deep")
		return out
	}
	switch n := n.(type) {
	case *ast.NullNode:
	case *ast.StringNode:
		out.kind, out.text = scalarNode, n.Value
		out.quoted = n.Token.Type == token.DoubleQuoteType || n.Token.Type == token.SingleQuoteType
	case *ast.LiteralNode:
		out.kind, out.text, out.quoted = scalarNode, strings.TrimRight(n.Value.Value, "\n"), true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		out.kind, out.text = scalarNode, n.GetToken().Value
	case *ast.SequenceNode:
		out.kind = listNode
		for _, v := range n.Values {
			out.items = append(out.items, t.node(v, depth+1))
		}
	case *ast.MappingNode:
		out.kind = mapNode
		for _, v := range n.Values {
			t.pair(out, v, depth)
		}
	case *ast.MappingValueNode:
		out.kind = mapNode
		t.pair(out, n, depth)
	default: // anchors, aliases, tags, merges
		t.p.add(out.pos, "NV-4001.feature")
	}
	return out
}

func (t treeMaker) pair(out *node, v *ast.MappingValueNode, depth int) {
	at := t.at(v.Key)
	if len(out.keys) == 0 {
		out.pos = at
	}
	var key *node
	switch k := v.Key.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		key = t.node(k, depth+1)
	case *ast.NullNode:
		key = &node{pos: at, kind: scalarNode, text: k.Token.Value}
	default:
		t.p.add(at, "NV-4001.feature")
		return
	}
	if out.get(key.text) != nil {
		t.p.add(at, "NV-4001.syntax", "detail", "key "+strconv.Quote(key.text)+" twice")
		return
	}
	out.keys = append(out.keys, key)
	out.items = append(out.items, t.node(v.Value, depth+1))
}

// merge lays top over base: keys of top win, maps are merged, lists are replaced.
func merge(base, top *node) *node {
	if base == nil || top == nil || base.kind != mapNode || top.kind != mapNode {
		if top != nil {
			return top
		}
		return base
	}
	out := &node{pos: top.pos, kind: mapNode, keys: slices.Clone(base.keys), items: slices.Clone(base.items)}
	for i, k := range top.keys {
		if j := slices.IndexFunc(out.keys, func(o *node) bool { return o.text == k.text }); j >= 0 {
			out.keys[j], out.items[j] = k, merge(out.items[j], top.items[i])
		} else {
			out.keys, out.items = append(out.keys, k), append(out.items, top.items[i])
		}
	}
	return out
}

// canonical writes a tree so that two mappings which mean the same are written the same: keys sorted, comments, places
// and layout gone. What does not change the reading or the returns is left out.
func (n *node) canonical(b *strings.Builder, top bool) {
	switch {
	case n == nil || n.kind == nullNode:
		b.WriteString("~")
	case n.kind == scalarNode:
		b.WriteString(strconv.Quote(n.text))
		if n.quoted && plainDigits(n.text) == len(n.text) { // "1" is a title where 1 is a number
			b.WriteByte('q')
		}
	case n.kind == listNode:
		b.WriteByte('[')
		for _, item := range n.items {
			item.canonical(b, false)
			b.WriteByte(',')
		}
		b.WriteByte(']')
	default:
		order := make([]int, len(n.keys))
		for i := range order {
			order[i] = i
		}
		slices.SortFunc(order, func(i, j int) int { return strings.Compare(n.keys[i].text, n.keys[j].text) })
		b.WriteByte('{')
		for _, i := range order {
			if key := n.keys[i].text; key == "confirm" || top && (key == "description" || key == "tests" || key == "use") {
				continue
			}
			b.WriteString(strconv.Quote(n.keys[i].text) + ":")
			n.items[i].canonical(b, false)
			b.WriteByte(',')
		}
		b.WriteByte('}')
	}
}

// nearest finds the known word that was probably meant, "" when none is near.
func nearest(word string, known []string) string {
	if len(word) < 3 { // anything is near to so little
		return ""
	}
	best, least := "", 1+max(1, len(word)/3)
	for _, k := range known {
		if d := distance(fold(word), fold(k)); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance counts the edits between two words, two swapped neighbours as one.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 64 || len(y) > 64 {
		return 64
	}
	older, before, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(x); i++ {
		older, before, row = before, row, older
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(before[j]+1, row[j-1]+1, before[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
	}
	return row[len(y)]
}
