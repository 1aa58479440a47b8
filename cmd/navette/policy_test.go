// Package main_test holds the rules of the project that the compiler does not know: who may import whom, what the core
// may touch, how long a file may be.
package main_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/navette-connect/navette"

// source is one Go file of the project.
type source struct {
	name  string // path from the root, with slashes
	pkg   string // its folder
	test  bool
	lines int
	ast   *ast.File
}

// imports are those of the file; packages of the project by their folder, "./connector".
func (s source) imports() (all []string) {
	for _, i := range s.ast.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			continue // the parser has checked it
		}
		if own, ok := strings.CutPrefix(p, module+"/"); ok {
			p = "./" + own
		}
		all = append(all, p)
	}
	return all
}

func parseSource(name string, text []byte) (source, error) {
	f, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
	return source{name: name, pkg: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), lines: strings.Count(string(text), "\n"), ast: f}, err
}

// under tells whether p is one of the folders or packages named, or in one of them.
func under(p string, names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return p == n || strings.HasPrefix(p, n+"/") })
}

// suite tells whether a package is a conformance suite or test program: its last name ends in "test".
func suite(pkg string) bool { return strings.HasSuffix(path.Base(pkg), "test") }

// pure packages are the core: bytes and values in, values out.
func pure(pkg string) bool {
	return under(pkg, "connector/payment", "connector/message", "mappings") && !suite(pkg)
}

// rule speaks of one import of one file.
type rule struct {
	why     string
	binds   func(s source) bool
	forbids func(s source, imported string) bool
}

func rules() []rule {
	within := func(names ...string) func(source) bool {
		return func(s source) bool { return !s.test && under(s.pkg, names...) && !suite(s.pkg) }
	}
	outside := func(names ...string) func(source) bool {
		return func(s source) bool { return !under(s.pkg, names...) }
	}
	imports := func(names ...string) func(source, string) bool {
		return func(_ source, p string) bool { return under(p, names...) }
	}
	ownBut := func(names ...string) func(source, string) bool {
		return func(_ source, p string) bool { return strings.HasPrefix(p, "./") && !under(p, names...) }
	}
	return []rule{
		{"the core touches no system, no network, no database and no log", func(s source) bool { return !s.test && pure(s.pkg) }, func(_ source, p string) bool {
			return under(p, "os", "syscall", "golang.org/x/sys", "database/sql", "log", "net/http", "net/rpc", "net/smtp", "github.com/rs/zerolog") || p == "net"
		}},
		{"payment stands on nothing of the project", within("connector/payment"), ownBut("./connector/payment")},
		{"message stands on nothing of the project", within("connector/message"), ownBut("./connector/message")},
		{"mappings know payments and messages alone", within("mappings"), ownBut("./mappings", "./connector/payment", "./connector/message")},
		{"transports know nothing of what they carry", within("transports"), ownBut("./transports")},
		{"nothing below connector imports it", func(s source) bool {
			return under(s.pkg, "connector", "mappings", "transports") && s.pkg != "connector" && !suite(s.pkg)
		},
			func(_ source, p string) bool { return p == "./connector" }},
		{"nothing imports cmd or bench", func(source) bool { return true }, imports("./cmd", "./bench")},
		{"a leaf imports no sibling", func(s source) bool { return !s.test && parentOf(s.pkg) != "" && !suite(s.pkg) }, func(s source, p string) bool {
			p = strings.TrimPrefix(p, "./")
			parent := parentOf(s.pkg)
			if leaf := leafOf(s.pkg, parent); p == "connector/gateway/simkit" && (leaf == "sandbox" || strings.HasSuffix(leaf, "sim")) {
				return false // simulators may share; what they try may not
			}
			return parentOf(p) == parent && leafOf(p, parent) != leafOf(s.pkg, parent)
		}},
		{"only cmd and connector log", func(s source) bool { return s.pkg != "connector" && !under(s.pkg, "cmd") }, imports("github.com/rs/zerolog")},
		{"log and log/slog are not used, but for main, which silences what net/http writes there", func(s source) bool { return s.name != "cmd/navette/main.go" }, imports("log")},
		{"SQLite is opened in journal/sqlite alone", outside("connector/journal/sqlite"), imports("modernc.org/sqlite", "github.com/mattn/go-sqlite3", "zombiezen.com/go/sqlite")},
		{"PostgreSQL is opened in journal/postgres alone", outside("connector/journal/postgres"), imports("github.com/jackc/pgx", "github.com/jackc/pgx/v5", "github.com/lib/pq")},
		{"the environment is read in config alone", outside("connector/config"), imports("github.com/kelseyhightower/envconfig")},
	}
}

// parentOf is the port that a leaf's package belongs to, "" where there is none.
func parentOf(pkg string) string {
	for _, port := range []string{"mappings", "transports", "connector/gateway", "connector/journal"} {
		if strings.HasPrefix(pkg, port+"/") {
			return port
		}
	}
	return ""
}

func leafOf(pkg, parent string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(pkg, parent+"/"), "/")
	return name
}

// judge gives every breach of the rules in the files.
func judge(files []source) (found []string) {
	documented := map[string]bool{} // by folder; false: seen, no doc comment yet
	for _, s := range files {
		for _, r := range rules() {
			if !r.binds(s) {
				continue
			}
			for _, p := range s.imports() {
				if r.forbids(s, p) {
					found = append(found, fmt.Sprintf("%s imports %s: %s", s.name, p, r.why))
				}
			}
		}
		if pure(s.pkg) && !s.test {
			for _, name := range clockReads(s.ast) {
				found = append(found, fmt.Sprintf("%s calls time.%s: the core gets its clock handed in", s.name, name))
			}
		}
		for _, d := range s.ast.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				found = append(found, s.name+" has an init function: list things in cmd instead")
			}
		}
		limit := 500
		if s.test {
			limit = 1500
		}
		if s.lines > limit && !longFile(s.ast) {
			found = append(found, fmt.Sprintf("%s has %d lines, more than %d: split it, or say why in a comment `// Long file: …`", s.name, s.lines, limit))
		}
		if !s.test {
			documented[s.pkg] = documented[s.pkg] || s.ast.Doc != nil
		}
	}
	for pkg, ok := range documented {
		if !ok {
			found = append(found, pkg+" has no package comment")
		}
	}
	slices.Sort(found)
	return found
}

// clockReads names the functions of package time in f that read the clock or wait for it.
func clockReads(f *ast.File) (names []string) {
	local := ""
	for _, i := range f.Imports {
		if i.Path.Value == `"time"` {
			if local = "time"; i.Name != nil {
				local = i.Name.Name
			}
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && local != "" {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == local && slices.Contains([]string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}, sel.Sel.Name) {
				names = append(names, sel.Sel.Name)
			}
		}
		return true
	})
	return names
}

func longFile(f *ast.File) bool {
	for _, g := range f.Comments {
		for _, c := range g.List {
			if reason, ok := strings.CutPrefix(c.Text, "// Long file:"); ok && strings.TrimSpace(reason) != "" {
				return true
			}
		}
	}
	return false
}

// project reads every Go file of the checkout.
func project(t *testing.T, root string) (files []source) {
	t.Helper()
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if p != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" || name == "dist") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		s, err := parseSource(filepath.ToSlash(rel), text)
		files = append(files, s)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func root() string { return filepath.Join("..", "..") }

func TestPolicy(t *testing.T) {
	files := project(t, root())
	if len(files) == 0 {
		t.Fatal("no Go file found")
	}
	for _, f := range judge(files) {
		t.Error(f)
	}
}

func TestModule(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root(), "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(text), "module "+module+"\n") {
		t.Errorf("go.mod does not begin with module %s", module)
	}
	for i, l := range strings.Split(string(text), "\n") {
		if f := strings.Fields(l); len(f) > 0 && f[0] == "replace" {
			t.Errorf("go.mod:%d replaces a module: nobody could `go install` navette", i+1)
		}
	}
}

// The top level is what a newcomer sees first: no name may creep in.
func TestTopLevel(t *testing.T) {
	agreed := strings.Fields(`cmd connector mappings transports testdata packaging systemd docs bench go.mod go.sum
		README.md README.fr.md Makefile LICENSE CHANGELOG.md ARCHITECTURE.md CONTRIBUTING.md SECURITY.md BENCHMARKS.md
		navette dist`) // the last two are built and ignored
	entries, err := os.ReadDir(root())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if name := e.Name(); !strings.HasPrefix(name, ".") && !slices.Contains(agreed, name) && !strings.HasSuffix(name, ".test") && !strings.HasSuffix(name, ".prof") {
			t.Errorf("the top level holds %s, which is not among the agreed names", name)
		}
	}
}

// TestPolicyNotices is the control: each rule must find its breach, and leave its neighbour alone.
func TestPolicyNotices(t *testing.T) {
	own := func(p string) string { return `"` + module + "/" + p + `"` }
	imports := func(p string) string { return "// Package p is documented.\npackage p\n\nimport _ " + p + "\n" }
	long := strings.Repeat("// x\n", 510)
	tests := []struct {
		name, file, text string
		want             string // part of the one finding; "" none
	}{
		{"core and os", "mappings/csvfile/a.go", imports(`"os"`), "no system"},
		{"core and os/exec", "connector/payment/a.go", imports(`"os/exec"`), "no system"},
		{"core and net", "connector/message/a.go", imports(`"net"`), "no system"},
		{"core and net/mail", "mappings/a.go", imports(`"net/mail"`), ""},
		{"core and sql", "mappings/a.go", imports(`"database/sql"`), "no system"},
		{"core's test and os", "mappings/a_test.go", imports(`"os"`), ""},
		{"suite and os", "mappings/mappingstest/a.go", imports(`"os"`), ""},
		{"clock", "mappings/a.go", "// Package p …\npackage p\n\nimport clock \"time\"\n\nvar _ = clock.Now\n", "calls time.Now"},
		{"time without clock", "mappings/a.go", "// Package p …\npackage p\n\nimport \"time\"\n\nvar _ time.Duration\n", ""},
		{"clock elsewhere", "transports/local/a.go", "// Package p …\npackage p\n\nimport \"time\"\n\nvar _ = time.Now\n", ""},
		{"payment and message", "connector/payment/a.go", imports(own("connector/message")), "payment stands"},
		{"message and payment", "connector/message/a.go", imports(own("connector/payment")), "message stands"},
		{"mappings and journal", "mappings/a.go", imports(own("connector/journal")), "mappings know"},
		{"mappings and payment", "mappings/a.go", imports(own("connector/payment")), ""},
		{"transport and payment", "transports/local/a.go", imports(own("connector/payment")), "transports know"},
		{"leaf and connector", "connector/gateway/httpgw/a.go", imports(own("connector")), "nothing below connector"},
		{"leaf and connector, in a test", "connector/gateway/httpgw/a_test.go", imports(own("connector")), "nothing below connector"},
		{"connector's own test", "connector/a_test.go", imports(own("connector")), ""},
		{"connector and cmd", "connector/a.go", imports(own("cmd/navette")), "cmd or bench"},
		{"leaf and sibling", "connector/gateway/httpgw/a.go", imports(own("connector/gateway/sandbox")), "no sibling"},
		{"leaf and the simulators' kit", "connector/gateway/httpgw/a.go", imports(own("connector/gateway/simkit")), "no sibling"},
		{"simulator and their kit", "connector/gateway/lyrasim/a.go", imports(own("connector/gateway/simkit")), ""},
		{"leaf and its port", "connector/gateway/httpgw/a.go", imports(own("connector/gateway")), ""},
		{"leaf and its own folder", "connector/gateway/httpgw/wire/a.go", imports(own("connector/gateway/httpgw")), ""},
		{"leaf's test and the suite", "transports/local/a_test.go", imports(own("transports/transportstest")), ""},
		{"leaf that logs", "transports/local/a.go", imports(`"github.com/rs/zerolog/log"`), "only cmd and connector log"},
		{"connector that logs", "connector/a.go", imports(`"github.com/rs/zerolog"`), ""},
		{"standard log", "connector/a.go", imports(`"log/slog"`), "not used"},
		{"SQLite elsewhere", "connector/journal/a.go", imports(`"modernc.org/sqlite"`), "journal/sqlite alone"},
		{"SQLite at home", "connector/journal/sqlite/a.go", imports(`"modernc.org/sqlite"`), ""},
		{"pgx elsewhere", "connector/journal/sqlite/a.go", imports(`"github.com/jackc/pgx/v5/stdlib"`), "journal/postgres alone"},
		{"envconfig elsewhere", "cmd/navette/a.go", imports(`"github.com/kelseyhightower/envconfig"`), "config alone"},
		{"init", "connector/a.go", "// Package p …\npackage p\n\nfunc init() {}\n", "init function"},
		{"method called init", "connector/a.go", "// Package p …\npackage p\n\ntype t struct{}\n\nfunc (t) init() {}\n", ""},
		{"no doc", "connector/a.go", "package p\n", "no package comment"},
		{"long", "connector/a.go", "// Package p …\npackage p\n\n" + long, "more than 500"},
		{"long with a reason", "connector/a.go", "// Package p …\npackage p\n\n// Long file: one table.\n" + long, ""},
		{"long with no reason", "connector/a.go", "// Package p …\npackage p\n\n// Long file:\n" + long, "more than 500"},
		{"long test", "connector/a_test.go", "package p\n\n" + long, ""},
		{"longer test", "connector/a_test.go", "package p\n\n" + strings.Repeat(long, 3), "more than 1500"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := parseSource(tt.file, []byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(judge([]source{s}), "\n")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("judge(%s) = %q, want %q in it", tt.file, got, tt.want)
			}
		})
	}
}
