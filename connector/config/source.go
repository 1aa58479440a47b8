package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/navette-connect/navette/connector/message"
)

// Bounds of a configuration file, far beyond any real one; the parser recurses, so its depth is bounded by them.
const (
	maxFile  = 1 << 20 // bytes
	maxLine  = 8 << 10 // bytes
	maxDepth = 2000    // open brackets
)

// sections are the keys that several files may share: their names are merged.
var sections = [...]string{"transports", "gateways", "flows"}

// tree is what the files say: the keys of the process, and the sections that files share.
type tree struct {
	root     *object
	sections map[string]*object
}

func (b *builder) newTree(dir string) tree {
	t := tree{&object{b: b, items: map[string]*item{}, at: Position{File: dir}, asked: sections[:]}, map[string]*object{}}
	for _, s := range sections {
		t.sections[s] = &object{b: b, name: s, items: map[string]*item{}}
	}
	return t
}

// readAll reads navette.yaml and flows.d/*.yaml.
func (b *builder) readAll(dir string) tree {
	t := b.newTree(dir)
	for _, path := range b.files(dir) {
		src, err := readSmall(path, maxFile)
		switch {
		case errors.Is(err, errTooLarge):
			b.fail(Position{File: path}, "", "NV-4001", message.New("NV-4001.size", "limit", "1MB"))
		case err != nil:
			b.fail(Position{File: path}, "", "NV-4010", message.New("NV-4010.read", "path", path, "detail", reason(err)))
		default:
			t.merge(b.parse(path, src))
		}
	}
	return t
}

// files lists what is read, navette.yaml first. A directory that holds nothing to read is a mistyped one.
func (b *builder) files(dir string) []string {
	var paths []string
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		b.fail(Position{File: dir}, "", "NV-4003", message.New("NV-4003.directory", "path", dir))
		return nil
	}
	main := filepath.Join(dir, "navette.yaml")
	if _, err := os.Lstat(main); err == nil {
		paths = append(paths, main)
	}
	for _, name := range b.listYAML(filepath.Join(dir, "flows.d")) {
		paths = append(paths, filepath.Join(dir, "flows.d", name))
	}
	if paths == nil {
		b.fail(Position{File: dir}, "navette.yaml", "NV-4003", message.New("NV-4003.missing", "key", "navette.yaml"))
	}
	return paths
}

// listYAML gives the *.yaml of a folder in name order. A folder that is not there is empty; a .yml is told about,
// since whoever wrote it believes it is read.
func (b *builder) listYAML(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			b.fail(Position{File: dir}, "", "NV-4010", message.New("NV-4010.read", "path", dir, "detail", reason(err)))
		}
		return nil
	}
	var names []string
	for _, e := range entries {
		switch name := e.Name(); {
		case name[0] == '.' || e.IsDir():
		case filepath.Ext(name) == ".yml":
			b.warn(Position{File: filepath.Join(dir, name)}, "", "NV-4010", message.New("NV-4010.yml", "name", name))
		case filepath.Ext(name) == ".yaml":
			names = append(names, name)
		}
	}
	return names
}

// parse turns one file into its top mapping; nil when it cannot be read (reported) or is empty.
func (b *builder) parse(path string, src []byte) *object {
	at := Position{File: path}
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	if err := tooDeep(src); err != "" {
		b.fail(at, "", "NV-4001", message.New(err))
		return nil
	}
	file, err := parseYAML(src)
	if err != nil {
		detail := err.Error()
		var se *yaml.SyntaxError
		if errors.As(err, &se) {
			detail = se.Message
			if se.Token != nil && se.Token.Position != nil {
				at.Line, at.Column = se.Token.Position.Line, se.Token.Position.Column
			}
		}
		b.fail(at, "", "NV-4001", message.New("NV-4001.syntax", "detail", oneLine(detail)))
		return nil
	}
	var body ast.Node
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case body == nil:
			body = doc.Body
		default:
			b.fail(b.at(path, doc.Body), "", "NV-4001", message.New("NV-4001.documents"))
		}
	}
	if body == nil {
		return nil
	}
	if _, null := body.(*ast.NullNode); null {
		return nil
	}
	it := &item{value: b.at(path, body), node: body}
	o, ok := b.mapping(it, "")
	if !ok {
		b.fail(it.value, "", "NV-4001", message.New("NV-4001.keys"))
		return nil
	}
	return o
}

// oneLine keeps a parser's words on one line, a tab shown as such.
func oneLine(s string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(s, "\t", `\t`)), " ")
}

// parseYAML calls the parser; should it fall over its input, that is an error like any other.
func parseYAML(src []byte) (file *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			file, err = nil, fmt.Errorf("unreadable: %v", r)
		}
	}()
	return parser.ParseBytes(src, 0, parser.AllowDuplicateMapKey())
}

// tooDeep keeps the parser's recursion finite; it returns the key of what is wrong.
func tooDeep(src []byte) string {
	depth := 0
	for line := range bytes.Lines(src) {
		if len(line) > maxLine {
			return "NV-4001.deep"
		}
		for _, c := range line {
			switch c {
			case '[', '{':
				depth++
			case ']', '}':
				depth--
			}
			if depth > maxDepth {
				return "NV-4001.deep"
			}
		}
	}
	return ""
}

// mapping reads a node as keys and values; false when it is no mapping.
func (b *builder) mapping(it *item, name string) (*object, bool) {
	o := &object{b: b, name: name, at: it.key, items: map[string]*item{}}
	if o.at.File == "" {
		o.at = it.value
	}
	var values []*ast.MappingValueNode
	switch n := it.node.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		return nil, false
	}
	for _, v := range values {
		key, ok := scalarText(v.Key)
		at := b.at(it.value.File, v.Key)
		if !ok {
			b.fail(at, name, "NV-4001", message.New("NV-4001.feature"))
			continue
		}
		child := &item{key: at, value: at, node: v.Value}
		if v.Value != nil {
			child.value = b.at(at.File, v.Value)
			if !b.plain(child, o.key(key)) {
				child.node = nil
			}
		}
		o.add(key, child)
	}
	return o, true
}

// plain refuses what the configuration does not read: anchors, aliases and tags. An alias is mostly an unquoted "*.csv".
func (b *builder) plain(it *item, key string) bool {
	nodes := []ast.Node{it.node}
	if seq, ok := it.node.(*ast.SequenceNode); ok {
		nodes = seq.Values
	}
	for _, n := range nodes {
		switch n.(type) {
		case *ast.AliasNode:
			b.fail(b.at(it.value.File, n), key, "NV-4001", message.New("NV-4001.alias"))
			return false
		case *ast.AnchorNode, *ast.TagNode, *ast.MergeKeyNode:
			b.fail(b.at(it.value.File, n), key, "NV-4001", message.New("NV-4001.feature"))
			return false
		}
	}
	return true
}

// add puts a key into the object, or says that it is there already.
func (o *object) add(key string, it *item) {
	if old := o.items[key]; old != nil {
		o.b.fail(it.key, o.key(key), "NV-4006", message.New("NV-4006.twice", "name", o.key(key), "file", old.key.File,
			"line", strconv.Itoa(old.key.Line)))
		return
	}
	o.items[key] = it
	o.order = append(o.order, key)
}

// merge adds one file's keys; the names in a section come together.
func (t tree) merge(file *object) {
	if file == nil {
		return
	}
	for _, key := range file.order {
		section := t.sections[key]
		if section == nil {
			t.root.add(key, file.items[key])
			continue
		}
		if o := file.object(key); o != nil {
			for _, name := range o.order {
				section.add(name, o.items[name])
			}
		}
	}
}

// at gives a node's position. A mapping starts at its first key.
func (b *builder) at(file string, n ast.Node) Position {
	switch m := n.(type) {
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 {
			n = m.Values[0].Key
		}
	case *ast.MappingValueNode:
		n = m.Key
	}
	p := Position{File: file}
	if n != nil {
		if t := n.GetToken(); t != nil && t.Position != nil {
			p.Line, p.Column = t.Position.Line, t.Position.Column
		}
	}
	return p
}

// scalarText gives a plain value as it is written, quotes apart: 50000.00 keeps its decimals, 0640 its zero.
func scalarText(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		if n.Value == nil {
			return "", true
		}
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode, *ast.NullNode:
		return n.GetToken().Value, true
	}
	return "", false
}
