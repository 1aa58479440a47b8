package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/navette-connect/navette/connector/config"
)

// navette runs the program in this process.
func navette(t *testing.T, env config.Environment, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, env, strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// `check --online` asks each gateway once; what it answers is run-time, and never the token.
func TestCheckOnline(t *testing.T) {
	tests := []struct {
		name   string
		status int
		code   int
		says   string
	}{
		{"answers", http.StatusOK, exitFine, "answers"},
		{"refuses the token", http.StatusUnauthorized, exitFailed, "navette explain NV-2103"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			asked := 0
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked++
				if r.Method != http.MethodGet {
					t.Errorf("%s %s, want no effect", r.Method, r.URL)
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(tt.status)
				fmt.Fprint(w, `{"data":[],"next":""}`)
			}))
			defer srv.Close()
			dir := t.TempDir()
			write(t, filepath.Join(dir, "token"), "t0psecret")
			write(t, filepath.Join(dir, "etc", "navette.yaml"), fmt.Sprintf("gateways:\n  psp: {type: http, mode: test, url: %q, token: {file: %q}}\n", srv.URL, filepath.Join(dir, "token")))
			code, out, errs := navette(t, config.Environment{}, "check", "--online", "--lang", "en", "--config", filepath.Join(dir, "etc"), "--state", filepath.Join(dir, "state"))
			if code != tt.code || !strings.Contains(out, tt.says) {
				t.Errorf("check --online: exit %d, want %d; %q, want %q in it", code, tt.code, out+errs, tt.says)
			}
			if strings.Contains(out+errs, "t0psecret") {
				t.Error("the token is printed")
			}
			if asked == 0 {
				t.Error("the gateway was not asked")
			}
		})
	}
}

// Folders are looked at without being made.
func TestFolderProblem(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), "x")
	tests := []struct{ path, want string }{
		{dir, ""},
		{filepath.Join(dir, "a", "b", "c"), ""},
		{filepath.Join(dir, "file"), "NV-3001.not_folder"},
		{filepath.Join(dir, "file", "below"), "NV-3003.read"},
	}
	for _, tt := range tests {
		if got := folderProblem(tt.path, 7); got != tt.want {
			t.Errorf("folderProblem(%s) = %q, want %q", tt.path, got, tt.want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "a")); err == nil {
		t.Error("a folder was made")
	}
	if os.Geteuid() == 0 {
		return // root may do everything
	}
	closed := filepath.Join(dir, "closed")
	if err := os.Mkdir(closed, 0o500); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{closed: "NV-3003.write", filepath.Join(closed, "x"): "NV-3001.missing"} {
		if got := folderProblem(path, 7); got != want {
			t.Errorf("folderProblem(%s) = %q, want %q", path, got, want)
		}
	}
}
