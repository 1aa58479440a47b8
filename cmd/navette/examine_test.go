package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/navette-connect/navette/mappings"
)

func TestFirstLines(t *testing.T) {
	f := &firstLines{}
	puts := []struct {
		hash         uint64
		line, before int
	}{
		{0, 1, 0}, {0, 2, 1}, {0, 9, 1},
		{1, 3, 0}, {1 << 37, 4, 0}, {1<<38 - 1, 5, 0}, {1 << 48, 6, 0}, {1<<48 | 1, 7, 0},
		{1, 8, 3}, {1 << 37, 8, 4}, {1<<38 - 1, 8, 5}, {1 << 48, 8, 6}, {1<<48 | 1, 8, 7},
		{7, 1 << 40, 0}, {7, 1, 1<<lineBits - 1},
	}
	for i, p := range puts {
		if got := f.put(p.hash, p.line); got != p.before {
			t.Errorf("%d: put(%x, %d) = %d, want %d", i, p.hash, p.line, got, p.before)
		}
	}
}

// TestSieve: a repeat is never missed, and what is no repeat is hardly ever named.
func TestSieve(t *testing.T) {
	const rows = 200_000
	r := rand.New(rand.NewPCG(1, 2))
	s := newSieve(rows * 200)
	hashes := make([]uint64, rows)
	for i := range hashes {
		hashes[i] = r.Uint64()
		s.put(hashes[i], i+1)
	}
	s.settle()
	if n := len(s.suspects); n > 2 {
		t.Errorf("%d of %d different identities are named", n, rows)
	}
	for _, i := range []int{0, 1, 99_999, rows - 1} {
		s.put(hashes[i], rows+i)
		s.settle()
		if _, named := s.suspects[hashes[i]]; !named {
			t.Errorf("the repeat of row %d is missed", i+1)
		}
	}
	first := suspected(s.suspects)
	for line, h := range hashes {
		if before := first.put(h, line+1); before != 0 {
			t.Fatalf("row %d stood on line %d before", line+1, before)
		}
	}
	if before := first.put(hashes[99_999], rows+5); before != 100_000 {
		t.Errorf("the repeat of row 100000 is said to repeat row %d", before)
	}
}

func TestFindings(t *testing.T) {
	f := newFindings(4, "en")
	for line := 1; line <= 10; line++ {
		f.say(line, "NV-1401.reference", "reference", "A", "line", "1")
	}
	f.say(11, "NV-1303.good")
	f.say(0, "NV-1001.empty")
	f.share()
	var got []string
	for _, c := range f.causes {
		got = append(got, c.code)
		for range c.kept {
			got = append(got, "+")
		}
	}
	want := []string{"NV-1001", "+", "NV-1401", "+", "+", "NV-1303", "+"}
	if len(got) != len(want) {
		t.Fatalf("causes and what is shown of them: %q, want %q", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("causes and what is shown of them: %q, want %q", got, want)
		}
	}
	if f.count != 12 {
		t.Errorf("count = %d, want 12: everything is counted", f.count)
	}
	if list := f.list(); len(list) != 4 || list[0].Line != 0 || list[1].Line != 1 || list[3].Line != 11 {
		t.Errorf("list = %v, want four in the order of the file", list)
	}
}

func TestClip(t *testing.T) {
	tests := []struct {
		in   string
		max  int
		want string
	}{{"", 3, ""}, {"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"éèàç", 3, "éè…"}, {"éèà", 3, "éèà"}}
	for _, tt := range tests {
		if got := clip(tt.in, tt.max); got != tt.want {
			t.Errorf("clip(%q, %d) = %q, want %q", tt.in, tt.max, got, tt.want)
		}
	}
}

// TestRepeatsOfALargeFile: a file that is read with a sieve names the same repeats as one whose lines are remembered, those at
// its end included.
func TestRepeatsOfALargeFile(t *testing.T) {
	m, err := mappings.Load("m", []byte(`navette: mapping/v1
name: m
kind: request
locale: fr
source: {format: csv, encoding: utf-8, delimiter: ";", header: 1, decimal: ","}
fields:
  - {name: reference, column: Facture, required: true}
  - {name: amount, column: Montant, type: amount, required: true}
`), mappings.Options{Formats: formats()})
	if err != nil {
		t.Fatal(err)
	}
	want := map[bool]string{}
	for _, large := range []bool{false, true} {
		var b strings.Builder
		b.WriteString("Facture;Montant;Note\n")
		note := ""
		if large {
			note = strings.Repeat("x", sieveFrom/1000)
		}
		for i := range 1010 {
			n := i
			if i > 1000 && i%3 == 0 {
				n = i - 500
			}
			fmt.Fprintf(&b, "R%d;1,00;%s\n", n, note)
		}
		s := &sample{name: "a.csv", src: strings.NewReader(b.String()), size: int64(b.Len()), mapping: m, lang: "en"}
		got, err := s.examine(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got.rejected != 3 || got.accepted != 1007 || large != (s.size >= sieveFrom) {
			t.Errorf("of %d bytes: %d rejected, %d accepted, want 3 and 1007", s.size, got.rejected, got.accepted)
		}
		want[large] = fmt.Sprintf("%+v", got.view(s, "m"))
	}
	if want[true] != want[false] {
		t.Errorf("told\n%s\nand\n%s", want[true], want[false])
	}
}
