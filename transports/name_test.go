package transports_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/navette-connect/navette/transports"
)

func TestIgnored(t *testing.T) {
	for name, want := range map[string]bool{
		"x.csv": false, "X.CSV": false, "tmp": false, "part.csv": false, "x.tmp.csv": false, "x.csv.rej": false,
		"new\nline.csv": false, "latin-\xe9.csv": false, " ": false, "back\\slash.csv": false, "x.": false, "20261120": false,
		"": true, ".": true, "..": true, ".x.csv": true, ".navette-tmp-00": true, ".~lock.x.csv#": true, "~$x.xlsx": true,
		"x.tmp": true, "X.TMP": true, "x.part": true, "x.partial": true, "x.csv.filepart": true, "x.crdownload": true,
		"x.writing": true, "x.swp": true, "x.camelLock": true, "Thumbs.db": true, "desktop.ini": true, "Desktop.ini": true,
		"a/b.csv": true, "../x.csv": true, "x\x00.csv": true,
	} {
		if got := transports.Ignored(name); got != want {
			t.Errorf("Ignored(%q) = %v, want %v", name, got, want)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		patterns  string // separated by blanks
		name      string
		matchCase bool
		want      bool
	}{
		{"", "anything", true, true},
		{"*.csv", "x.csv", true, true},
		{"*.csv", "x.CSV", true, false},
		{"*.csv", "x.CSV", false, true},
		{"*.CSV", "x.csv", false, true},
		{"*.txt *.csv", "x.csv", true, true},
		{"*.txt *.csv", "x.xml", true, false},
		{"FACT_*.csv", "FACT_2026\n.csv", true, true},
		{"FACT_????.csv", "FACT_2026.csv", true, true},
		{"FACT_[0-9]*.csv", "FACT_X.csv", true, false},
		{"*.csv", "latin-\xe9.csv", true, true},
		{"*.csv", "LATIN-\xe9.CSV", false, true},
		{"latin-\xe9.csv", "LATIN-\xe9.csv", false, true},
		{"latin-\xe9.csv", "LATIN-\xe8.csv", false, false},
		{"Re\u0300glement*.csv", "R\u00e8glement1.csv", true, true}, // written apart, and composed
		{"R\u00e8glement*.csv", "Re\u0300glement1.csv", true, true},
		{"R\u00c8GLEMENT*.csv", "re\u0300glement1.csv", false, true},
		{"[", "[", true, false},
		{"[ *.csv", "x.csv", true, true},
	} {
		if got := transports.Match(strings.Fields(c.patterns), c.name, c.matchCase); got != c.want {
			t.Errorf("Match(%q, %q, %v) = %v, want %v", c.patterns, c.name, c.matchCase, got, c.want)
		}
	}
}

func TestCheckPattern(t *testing.T) {
	for pattern, want := range map[string]bool{
		"*.csv": true, "FACT_[0-9][0-9].csv": true, `\[x\].csv`: true, "é*": true,
		"": false, "[": false, "x[a-": false, `x\`: false, "in/*.csv": false, "x\x00": false,
	} {
		if err := transports.CheckPattern(pattern); (err == nil) != want {
			t.Errorf("CheckPattern(%q) = %v, want fine %v", pattern, err, want)
		}
	}
}

func TestSafeName(t *testing.T) {
	long := strings.Repeat("n", 300)
	for _, c := range []struct {
		prefix, name string
		max          int
		want         string
	}{
		{"20261120T101500-0a1b2c3d-", "x.csv", 0, "20261120T101500-0a1b2c3d-x.csv"},
		{"", "x.csv", 255, "x.csv"},
		{"p-", long + ".csv", 255, "p-" + strings.Repeat("n", 249) + ".csv"},
		{"p-", long + ".csv", 20, "p-nnnnnnnnnnnnnn.csv"},
		{"", "ééé.csv", 9, "éé.csv"},    // not half a letter
		{"", "aééé.csv", 10, "aéé.csv"}, // nor here
		{"", "日本.csv", 8, "日.csv"},
		{"", "é.csv", 5, "é.cs"},
		{"", "ab\xff\xff\xff\xff\xff.csv", 8, "ab\xff\xff.csv"}, // no UTF-8: nothing to split
		{"", long, 10, "nnnnnnnnnn"},
		{"", "a." + long, 10, "a.nnnnnnnn"}, // a tail, no extension
		{"", ".csv" + long, 6, ".csvnn"},
		{"", "a/b\x00c", 0, "a_b_c"},
		{"../", "x", 0, ".._x"},
		{"", "..", 0, "_.."},
		{"", ".", 0, "_."},
		{"", "", 0, "_"},
		{long, "x.csv", 10, "nnnnnnnnnn"},
		{"", "é", 1, "_"},
	} {
		got := transports.SafeName(c.prefix, c.name, c.max)
		if got != c.want {
			t.Errorf("SafeName(%q, %q, %d) = %q, want %q", c.prefix, c.name, c.max, got, c.want)
		}
	}
}

func FuzzSafeName(f *testing.F) {
	f.Add("20261120-", "x.csv", 255)
	f.Add("", "é.csv", 3)
	f.Add("..", "", 2)
	f.Add("\xff", ".\xe9\xe9", 4)
	f.Fuzz(func(t *testing.T, prefix, name string, max int) {
		got := transports.SafeName(prefix, name, max)
		if max <= 0 {
			max = transports.MaxName
		}
		if len(got) > max || got == "" || got == "." || got == ".." && max > 2 || strings.ContainsAny(got, "/\x00") {
			t.Errorf("SafeName(%q, %q, %d) = %q", prefix, name, max, got)
		}
		if utf8.ValidString(prefix) && utf8.ValidString(name) && !utf8.ValidString(got) {
			t.Errorf("SafeName(%q, %q, %d) = %q: a letter was split", prefix, name, max, got)
		}
	})
}

func FuzzMatch(f *testing.F) {
	f.Add("*.csv", "x.csv")
	f.Add("[a-\xff]*", "\xe9.csv")
	f.Add("e\u0301?", "é1")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		exact := transports.Match([]string{pattern}, name, true)
		if exact && transports.CheckPattern(pattern) != nil && pattern != "" && !strings.ContainsAny(pattern, "/\x00") {
			t.Errorf("Match(%q, %q), but CheckPattern refuses it", pattern, name)
		}
		transports.Match([]string{pattern}, name, false)
		transports.Ignored(name)
		if !transports.Match(nil, name, true) {
			t.Errorf("no pattern does not match %q", name)
		}
	})
}
