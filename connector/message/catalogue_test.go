package message

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// The codes that the contract fixes, §8, and those the other pages of the design name.
const fixed = "1001 1002 1003 1004 1005 1006 1007 1101 1102 1104 1201 1202 1203 1204 1205 1206 1207 1208 1209 1301 1302 1303 " +
	"1401 1402 1403 1404 1405 1406 1407 1501 1502 1503 1504 2001 2002 2010 2101 2102 2103 2104 3001 4001 4002"

func TestCatalogueIsWhole(t *testing.T) {
	c, err := read(texts)
	if err != nil {
		t.Fatalf("reading texts/: %v", err)
	}
	for _, n := range strings.Fields(fixed) {
		if c.entries["NV-"+n] == nil {
			t.Errorf("NV-%s is not in texts/", n)
		}
	}
	code := regexp.MustCompile(`^NV-(1[0-5]|2[01]|30|40|50)\d\d$`)
	for name, e := range c.entries {
		if !code.MatchString(name) {
			t.Errorf("%q is no code of a series of the contract", name)
		}
		both(t, name+" title", e.Title)
		both(t, name+" explain", e.Explain)
		if len(e.Texts) == 0 {
			t.Errorf("%s has no sentence", name)
		}
		if names := placeholders(e.Title.FR + e.Explain.FR); len(names) > 0 {
			t.Errorf("%s: title and explanation take no arguments, but name %q", name, names)
		}
	}
	for key, p := range c.sentences {
		both(t, key, p)
		fr, en := placeholders(p.FR), placeholders(p.EN)
		if !slices.Equal(fr, en) {
			t.Errorf("%s: placeholders %q in French, %q in English, want the same", key, fr, en)
		}
	}
}

func both(t *testing.T, what string, p pair) {
	t.Helper()
	if strings.TrimSpace(p.FR) == "" || strings.TrimSpace(p.EN) == "" {
		t.Errorf("%s: fr %q, en %q, want both", what, p.FR, p.EN)
	}
	for _, s := range []string{p.FR, p.EN} {
		if strings.ContainsAny(s, "\n\t") {
			t.Errorf("%s: %q breaks its line; returns and logs are lines", what, s)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	tests := []struct {
		name, a, b, want string
	}{
		{"sentence twice", "NV-1: {texts: {x: {fr: a, en: a}}}", "NV-1: {texts: {x: {fr: b, en: b}}}", "NV-1.x is said twice"},
		{"title twice", "NV-1: {title: {fr: a, en: a}}", "NV-1: {title: {fr: b, en: b}}", "NV-1 is said twice"},
		{"explained twice", "NV-1: {explain: {fr: a, en: a}}", "NV-1: {explain: {fr: b, en: b}}", "NV-1 is explained twice"},
		{"key twice in one file", "ui.a: {fr: a, en: a}\nui.a: {fr: a, en: a}", "", "already defined"},
		{"ui key twice", "ui.a: {fr: a, en: a}", "ui.a: {fr: a, en: a}", "ui.a is said twice"},
		{"unknown key", "NV-1: {titel: {fr: a, en: a}}", "", "titel"},
		{"flat code", "NV-1: {fr: a, en: a}", "", "NV-1 is a code"},
		{"ui with texts", "ui.a: {texts: {x: {fr: a, en: a}}}", "", "ui.a is no code"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := read(fstest.MapFS{"texts/a.yaml": {Data: []byte(tt.a)}, "texts/b.yaml": {Data: []byte(tt.b)}})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("read(%q, %q) = %v, want %q", tt.a, tt.b, err, tt.want)
			}
		})
	}
	c, err := read(fstest.MapFS{
		"texts/a.yaml": {Data: []byte("NV-1: {title: {fr: a, en: a}, texts: {x: {fr: a, en: a}}}")},
		"texts/b.yaml": {Data: []byte("NV-1: {texts: {y: {fr: a, en: a}}}")}})
	if err != nil || len(c.entries["NV-1"].Texts) != 2 || c.entries["NV-1"].Title.FR != "a" {
		t.Errorf("a code over two files = %+v, %v, want it merged", c.entries["NV-1"], err)
	}
}

// TestSourcesSayWhatTheCatalogueHas reads the project's Go files: every key they write must be in texts/, and where
// key and arguments stand together in one place, the arguments must be those of the sentence.
func TestSourcesSayWhatTheCatalogueHas(t *testing.T) {
	key := regexp.MustCompile(`^(NV-\d{4}\.[a-z0-9_]+|ui\.[a-z0-9_.]+[a-z0-9_])$`)
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && len(d.Name()) > 2 && d.Name()[0] == '.', d.IsDir() && d.Name() == "testdata":
			return filepath.SkipDir
		case d.IsDir(), !strings.HasSuffix(path, ".go"), strings.HasSuffix(path, "_test.go"):
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, src, parser.SkipObjectResolution)
		if err != nil {
			t.Logf("%s: %v", path, err) // the compiler's business
			return nil
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BasicLit:
				if s, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING && key.MatchString(s) && !Has(s) {
					t.Errorf("%v: no sentence %q in texts/", set.Position(n.Pos()), s)
				}
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "New" && !n.Ellipsis.IsValid() && len(n.Args) > 0 {
					checkArgs(t, set, key, n.Args[0], n.Args[1:])
				}
			case *ast.CompositeLit:
				var k, args ast.Expr
				for _, e := range n.Elts {
					if kv, ok := e.(*ast.KeyValueExpr); ok {
						switch id, _ := kv.Key.(*ast.Ident); {
						case id == nil:
						case id.Name == "Key":
							k = kv.Value
						case id.Name == "Args":
							args = kv.Value
						}
					}
				}
				if list, ok := args.(*ast.CompositeLit); ok && k != nil {
					checkArgs(t, set, key, k, list.Elts)
				} else if k != nil && args == nil {
					checkArgs(t, set, key, k, nil)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// checkArgs holds literal argument names against the sentence; computed ones cannot be told.
func checkArgs(t *testing.T, set *token.FileSet, key *regexp.Regexp, k ast.Expr, args []ast.Expr) {
	t.Helper()
	word, ok := literal(k)
	if !ok || !key.MatchString(word) || !Has(word) {
		return
	}
	text := Text{Key: word}
	for i := 0; i+1 < len(args); i += 2 {
		name, ok := literal(args[i])
		if !ok {
			return
		}
		text.Args = append(text.Args, name, "")
	}
	if err := text.Check(); err != nil {
		t.Errorf("%v: %v", set.Position(k.Pos()), err)
	}
}

func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}
