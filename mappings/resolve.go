package mappings

import (
	"encoding/json"
	"strings"
)

// Resolved gives the YAML of a mapping laid over those it uses, `use` gone: what Load would compile, without comments.
// It is not checked beyond that; the error is a LoadError.
func Resolved(file string, src []byte, opt Options) ([]byte, error) {
	l := &loader{opt: opt, m: &Mapping{}}
	tree := l.resolve(file, src, nil)
	if err := l.p.err(); err != nil {
		return nil, err
	}
	var b strings.Builder
	if tree != nil && tree.kind == mapNode {
		for i, k := range tree.keys {
			if k.text == "use" {
				continue
			}
			b.WriteString(k.text + ":")
			tree.items[i].block(&b, 1)
		}
	}
	return []byte(b.String()), nil
}

// block writes a value below its key: maps and lists of maps over several lines, the rest on one.
func (n *node) block(b *strings.Builder, depth int) {
	indent := "\n" + strings.Repeat("  ", depth)
	switch {
	case n.kind == mapNode && len(n.keys) > 0 && depth < 2:
		for i, k := range n.keys {
			b.WriteString(indent)
			k.flow(b)
			b.WriteByte(':')
			n.items[i].block(b, depth+1)
		}
		if depth == 1 {
			b.WriteByte('\n')
		}
		return
	case n.kind == listNode && len(n.items) > 0 && (n.items[0].kind == mapNode || depth == 1 || len(n.items) > 8):
		for _, item := range n.items {
			b.WriteString(indent + "- ")
			item.flow(b)
		}
	default:
		b.WriteByte(' ')
		n.flow(b)
	}
	if depth == 1 {
		b.WriteByte('\n')
	}
}

// flow writes a value on one line.
func (n *node) flow(b *strings.Builder) {
	switch n.kind {
	case nullNode:
		b.WriteByte('~')
	case scalarNode:
		b.WriteString(n.scalar())
	case listNode:
		b.WriteByte('[')
		for i, item := range n.items {
			if i > 0 {
				b.WriteString(", ")
			}
			item.flow(b)
		}
		b.WriteByte(']')
	default:
		b.WriteByte('{')
		for i, k := range n.keys {
			if i > 0 {
				b.WriteString(", ")
			}
			k.flow(b)
			b.WriteString(": ")
			n.items[i].flow(b)
		}
		b.WriteByte('}')
	}
}

// scalar is a text as YAML reads it back: bare where it was bare and stays one word, quoted otherwise.
func (n *node) scalar() string {
	bare := !n.quoted && n.text != "" && !strings.ContainsFunc(n.text, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' || r == '.' || r == '/')
	}) && n.text[0] != '-'
	if bare {
		return n.text
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(n.text) != nil {
		return `""`
	}
	return strings.TrimSuffix(b.String(), "\n")
}
