package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	tests := []struct {
		args string
		want string // what rows big kills strict; "" an error
	}{
		{"", "[rate check memory kill9 cold sftp] [20000 100000] 1000000 5 false"},
		{"all -strict", "[rate check memory kill9 cold sftp] [20000 100000] 1000000 5 true"},
		{"kill9 -rows 300,400 -kills 2", "[kill9] [300 400] 1000000 2 false"},
		{"-quick rate cold", "[rate cold] [5000] 50000 3 false"},
		{"memory -quick -big 7", "[memory] [5000] 7 3 false"},
		{"speed", ""},
		{"-rows 1,b", ""},
		{"-kills 0", ""},
	}
	for _, tt := range tests {
		s, err := parse(strings.Fields(tt.args), io.Discard)
		got := fmt.Sprint(s.what, s.rows, s.big, s.kills, s.strict)
		if (err != nil) != (tt.want == "") || err == nil && got != tt.want {
			t.Errorf("parse(%q) = %s, %v, want %q", tt.args, got, err, tt.want)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		of   []float64
		want float64
	}{{[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 2, 9}, 3}} {
		in := slices.Clone(tt.of)
		if got := median(tt.of); got != tt.want || !slices.Equal(in, tt.of) {
			t.Errorf("median(%v) = %v (then %v), want %v, unchanged", in, got, tt.of, tt.want)
		}
	}
}

func TestLines(t *testing.T) {
	var b bytes.Buffer
	r := report{w: &b}
	r.atLeast("a", 2, 2, "x")
	r.atLeast("a", 1.5, 2, "x")
	r.atMost("b", 0.61, 0.6, "y")
	r.tell("c", "7 MB")
	r.skip("d", "no node")
	want := "a: 2.00 (x) (goal >= 2) ok\na: 1.50 (x) (goal >= 2) short\nb: 0.61 (y) (goal <= 0.6) short\nc: 7 MB (goal none) ok\nd: skipped: no node\n"
	if b.String() != want || r.short != 2 {
		t.Errorf("lines =\n%s(%d short), want\n%s(2 short)", b.String(), r.short, want)
	}
}

// The bound of kill9 is about what came again after each kill, not about the sum.
func TestTellKills(t *testing.T) {
	at := func(docs, replayed, doubled int) counts {
		return counts{Documents: docs, Replayed: replayed, Doubled: doubled}
	}
	sent := map[string]int{"sent": 100}
	tests := []struct {
		name    string
		marks   []counts
		answers map[string]int
		exit    int
		short   int
	}{
		{"clean", []counts{at(0, 0, 0), at(50, 5, 0), at(100, 12, 0)}, sent, 0, 0},
		{"too many after one kill", []counts{at(0, 0, 0), at(50, 0, 0), at(100, 31, 0)}, sent, 0, 1},
		{"many kills, few each", []counts{at(0, 0, 0), at(50, 30, 0), at(100, 60, 0)}, sent, 0, 0},
		{"lost", []counts{at(0, 0, 0), at(99, 0, 0)}, sent, 0, 1},
		{"doubled", []counts{at(0, 0, 0), at(100, 0, 1)}, sent, 0, 1},
		{"no result", []counts{at(0, 0, 0), at(100, 0, 0)}, nil, 0, 1},
		{"exit", []counts{at(0, 0, 0), at(100, 0, 0)}, sent, 1, 1},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		b := &bench{settings: settings{inflight: 10, group: 20}, report: report{w: &out}}
		b.tellKills("look-ups", 100, tt.marks, tt.answers, tt.exit)
		if b.report.short != tt.short {
			t.Errorf("%s: %d short, want %d:\n%s", tt.name, b.report.short, tt.short, out.String())
		}
	}
}

func TestStates(t *testing.T) {
	in := "N° facture;Libellé;nv_state;nv_line\r\nF1;\"a ; \"\"b\"\"\";sent;2\r\nF2;c;refused;3\r\nF3;d;sent;4\r\n"
	got, err := states(strings.NewReader(in))
	if want := map[string]int{"sent": 2, "refused": 1}; err != nil || !maps.Equal(got, want) {
		t.Errorf("states(%q) = %v, %v, want %v", in, got, err, want)
	}
	for _, bad := range []string{"", "a;b\r\n1;2\r\n", "nv_state\r\n\"open\r\n"} {
		if got, err := states(strings.NewReader(bad)); err == nil {
			t.Errorf("states(%q) = %v, want an error", bad, got)
		}
	}
}

func TestHome(t *testing.T) {
	t.Setenv("NAVETTE_LOG_LEVEL", "debug") // of the shell; must not reach what is measured
	b := &bench{settings: settings{work: t.TempDir()}, source: ".."}
	h, err := b.newHome("x", gatewaySettings{url: "http://127.0.0.1:9", inflight: 3, settle: 300 * time.Millisecond, idempotent: true})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(h.dir, "etc", "navette.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"url: http://127.0.0.1:9\n", "concurrency: 3\n", "settle: 300ms\n", "idempotent: true\n", "in: " + h.dir + "/in\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("configuration lacks %q:\n%s", want, text)
		}
	}
	if _, body, _ := strings.Cut(string(text), "gateways:"); strings.Contains(body, "@") {
		t.Errorf("words left open in the configuration:\n%s", text)
	}
	if slices.Contains(h.env(), "NAVETTE_LOG_LEVEL=debug") {
		t.Error("env keeps a NAVETTE_ variable of the shell")
	}
	src := filepath.Join(t.TempDir(), "a.csv")
	if err := os.WriteFile(src, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := h.drop(src); err != nil {
		t.Fatal(err)
	}
	if taken, err := h.taken(); taken || err != nil {
		t.Errorf("taken after a drop = %v, %v, want false", taken, err)
	}
	if got, err := h.answered(src); got != nil || err != nil {
		t.Errorf("answered without a result = %v, %v, want nil", got, err)
	}
}

func TestMeasure(t *testing.T) {
	b := &bench{settings: settings{work: t.TempDir(), limit: time.Minute}}
	if err := os.Mkdir(filepath.Join(b.work, "log"), 0o755); err != nil {
		t.Fatal(err)
	}
	u, err := b.measure(t.Context(), process{name: "sh", path: "sh", args: []string{"-c", "echo said; exit 3"}})
	if err != nil || u.exit != 3 || u.wall <= 0 {
		t.Errorf("measure = %+v, %v, want exit 3", u, err)
	}
	if text, err := os.ReadFile(u.log); string(text) != "said\n" {
		t.Errorf("log = %q, %v, want what was said", text, err)
	}
	c, err := b.start(t.Context(), process{name: "sleep", path: "sh", args: []string{"-c", "exec sleep 600"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.kill(); err != nil {
		t.Fatal(err)
	}
	if u, err := c.wait(); err != nil || u.exit != -1 {
		t.Errorf("wait after kill = %+v, %v, want exit -1", u, err)
	}
}
