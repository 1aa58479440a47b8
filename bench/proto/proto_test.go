package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

func TestRowsReachTheSinkAsJSON(t *testing.T) {
	all := titles()
	head := strings.Join(all[:], ";")
	// Latin letters of the titles are the same bytes in Latin-1 as in Windows-1252.
	latin := func(s string) []byte {
		var b []byte
		for _, r := range s {
			b = append(b, byte(r))
		}
		return b
	}
	path := filepath.Join(t.TempDir(), "inv.csv")
	src := head + "\r\n" +
		`F1;1 234,56;EUR;01/02/2026;03/04/2026;"a ; ""b""";C1;Noël;e@x.example;06;1 rue;75000;Paris;FR;CMD1;CB` + "\r\n" +
		`F2;n/a;EUR;01/02/2026;03/04/2026;a;C1;N;e@x.example;06;1 rue;75000;Paris;FR;CMD1;CB` + "\r\n" +
		`F3;5,00;EUR;1/2/26;03/04/2026;a;C1;N;e@x.example;06;1 rue;75000;Paris;FR;CMD1;CB` + "\r\n"
	if err := os.WriteFile(path, latin(src), 0o600); err != nil {
		t.Fatal(err)
	}
	var posts atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		posts.Add(1)
		b, _ := io.ReadAll(r.Body)
		var got struct {
			Reference, Label string
			Due              string `json:"due_on"`
			Amount           struct{ Value int64 }
			Customer         struct{ Name string }
			Source           struct{ Line int }
		}
		if err := json.Unmarshal(b, &got); err != nil {
			t.Errorf("body %s: %v", b, err)
		}
		if got.Reference != "F1" || got.Amount.Value != 123456 || got.Due != "2026-04-03" || got.Label != `a ; "b"` || got.Customer.Name != "Noël" || got.Source.Line != 2 {
			t.Errorf("body %s, want F1's values", b)
		}
		w.WriteHeader(http.StatusCreated)
	}))
	defer srv.Close()
	answers := filepath.Join(t.TempDir(), "st.csv")
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-f", path, "-url", srv.URL, "-status", answers}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	if want := "proto: 1 sent, 2 rejected, 0 failed"; posts.Load() != 1 || !strings.HasPrefix(out.String(), want) {
		t.Errorf("%d posts, %q, want 1 and %q", posts.Load(), out.String(), want)
	}
	if b, err := os.ReadFile(answers); err != nil || strings.Count(string(b), "\r\n") != 3 {
		t.Errorf("answers = %q (%v), want 3 lines", b, err)
	}
}
