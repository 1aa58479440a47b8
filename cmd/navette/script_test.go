package main

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs the product end to end, as its users type it: one script a subject, in testdata/script.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Dir:           filepath.Join("..", "..", "testdata", "script"),
		Setup: func(env *testscript.Env) error {
			for name, value := range map[string]string{"NAVETTE_CONFIG_DIR": "etc", "NAVETTE_STATE_DIR": "state", "NAVETTE_LISTEN": "off", "NAVETTE_LANG": "en", "NAVETTE_LOG_LEVEL": "error", "NAVETTE_TIMEZONE": "Europe/Paris"} {
				if name == "NAVETTE_CONFIG_DIR" || name == "NAVETTE_STATE_DIR" {
					value = filepath.Join(env.WorkDir, value)
				}
				env.Setenv(name, value)
			}
			mappings, err := filepath.Abs(filepath.Join("..", "..", "testdata", "mappings"))
			if err != nil {
				return err
			}
			env.Setenv("MAPPINGS", mappings)
			return os.MkdirAll(filepath.Join(env.WorkDir, "etc"), 0o755)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"expand":   expand,
			"exits":    exits,
			"paybox":   startPaybox,
			"pick":     pick,
			"post":     post,
			"cells":    cells,
			"rehearse": rehearse,
			"sips":     startSips,
		},
	})
}

// expand writes the script's variables into a file: configurations name absolute folders.
func expand(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		path := ts.MkAbs(name)
		text := os.Expand(ts.ReadFile(name), ts.Getenv)
		ts.Check(os.WriteFile(path, []byte(text), 0o644))
	}
}

// rehearse serves a PSP of `sandbox --psp` for the rest of the script, with a script of its customers: rehearse lyra
// customers.yaml PSP_URL puts its address into that variable.
func rehearse(ts *testscript.TestScript, _ bool, args []string) {
	p, err := sandboxPSPs()[args[0]].open(sandboxFlags{seed: 1, personality: "none", script: ts.MkAbs(args[1])})
	ts.Check(err)
	srv := httptest.NewServer(p.Handler())
	ts.Defer(func() {
		srv.Close()
		ts.Check(p.Close())
	})
	ts.Setenv(args[2], srv.URL)
}

// post sends JSON to a simulator's controls: post URL BODY.
func post(ts *testscript.TestScript, _ bool, args []string) {
	r, err := http.Post(args[0], "application/json", strings.NewReader(args[1]))
	ts.Check(err)
	defer r.Body.Close()
	if r.StatusCode/100 != 2 {
		ts.Fatalf("post %s: %s", args[0], r.Status)
	}
}

// pick reads a page and puts the first group of a pattern in it into a variable: pick VARIABLE URL PATTERN.
func pick(ts *testscript.TestScript, _ bool, args []string) {
	r, err := http.Get(args[1])
	ts.Check(err)
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	ts.Check(err)
	m := regexp.MustCompile(args[2]).FindSubmatch(b)
	if m == nil {
		ts.Fatalf("%s: no match of %q in\n%s", args[1], args[2], b)
	}
	ts.Setenv(args[0], string(m[1]))
}

// exits runs a command and holds its exit code against the first argument.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("%q exits with %d, want %s", args[1:], code, args[0])
	}
}
