package transports_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/navette-connect/navette/transports"
)

var start = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// listing reads "x.csv:3 y.csv:0@5": names, sizes, and after @ the seconds at which they changed.
func listing(text string) []transports.File {
	var files []transports.File
	for _, word := range strings.Fields(text) {
		f := transports.File{Name: word, Size: 1, Links: 1}
		if name, rest, ok := strings.Cut(word, ":"); ok {
			var at int
			f.Name = name
			fmt.Sscanf(rest, "%d@%d", &f.Size, &at)
			f.ModTime = start.Add(time.Duration(at) * time.Second)
		}
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b transports.File) int { return cmp.Compare(a.Name, b.Name) })
	return files
}

// told writes a Look: ready files with their markers, a bar, then waiting files with their reasons, and when to look again.
func told(l transports.Look) string {
	var words []string
	for _, r := range l.Ready {
		words = append(words, strings.Join(append([]string{r.File.Name}, r.Markers...), "+"))
	}
	words = append(words, "|")
	for _, w := range l.Waiting {
		words = append(words, w.Name+"="+w.Reason.String())
	}
	if l.Settling > 0 {
		words = append(words, "again", l.Again.String())
	}
	return strings.Join(words, " ")
}

func TestSettler(t *testing.T) {
	type step struct {
		at   time.Duration
		seen string
		want string
	}
	s := time.Second
	quiet := transports.Rules{Match: []string{"*.csv", "*.xlsx"}, MatchCase: true, Quiet: 3 * s}
	none := quiet
	none.Quiet = 0
	marker := quiet
	marker.Marker = ".ok"
	all := transports.Rules{MatchCase: true, Marker: ".ok"}
	named := quiet
	named.ByName = true
	loose := transports.Rules{Match: []string{"*.csv"}, Marker: ".ok", Quiet: 3 * s}
	for _, c := range []struct {
		name  string
		rules transports.Rules
		steps []step
	}{
		{"quiet", quiet, []step{
			{0, "x.csv:1", "| x.csv=settling again 3s"},
			{1 * s, "x.csv:1", "| x.csv=settling again 2s"},
			{2*s + 999*time.Millisecond, "x.csv:1", "| x.csv=settling again 1ms"},
			{3 * s, "x.csv:1", "x.csv |"},
			{9 * s, "x.csv:1", "x.csv |"},
		}},
		{"one observation is never enough", quiet, []step{
			{0, "", "|"},
			{99 * s, "x.csv:1", "| x.csv=settling again 3s"},
			{199 * s, "x.csv:1", "x.csv |"},
		}},
		{"growing", quiet, []step{
			{0, "x.csv:1", "| x.csv=settling again 3s"},
			{2 * s, "x.csv:2", "| x.csv=settling again 3s"},
			{4 * s, "x.csv:2", "| x.csv=settling again 1s"},
			{5 * s, "x.csv:2", "x.csv |"},
		}},
		{"rewritten with the same size, also when ready", quiet, []step{
			{0, "x.csv:1@0", "| x.csv=settling again 3s"},
			{3 * s, "x.csv:1@0", "x.csv |"},
			{4 * s, "x.csv:1@4", "| x.csv=settling again 3s"},
			{7 * s, "x.csv:1@4", "x.csv |"},
		}},
		{"vanished and back", quiet, []step{
			{0, "x.csv:1", "| x.csv=settling again 3s"},
			{2 * s, "", "|"},
			{3 * s, "x.csv:1", "| x.csv=settling again 3s"},
		}},
		{"quiet 0: two observations, the second at once", none, []step{
			{0, "x.csv:1", "| x.csv=settling again 0s"},
			{0, "x.csv:1", "x.csv |"},
		}},
		{"empty files wait longer", quiet, []step{
			{0, "x.csv:0 y.csv:1", "| x.csv=settling y.csv=settling again 3s"},
			{3 * s, "x.csv:0 y.csv:1", "y.csv | x.csv=settling again 27s"},
			{30 * s, "x.csv:0", "x.csv |"},
		}},
		{"others are not seen", quiet, []step{
			{0, ".x.csv x.txt ~$y.xlsx x.csv.part x.tmp", "|"},
		}},
		{"the soonest", quiet, []step{
			{0, "x.csv:1", "| x.csv=settling again 3s"},
			{1 * s, "x.csv:1 y.csv:1", "| x.csv=settling y.csv=settling again 2s"},
			{3 * s, "x.csv:1 y.csv:1", "x.csv | y.csv=settling again 1s"},
		}},
		{"office locks", quiet, []step{
			{0, "x.xlsx y.csv z.csv ~$x.xlsx .~lock.y.csv#", "| x.xlsx=locked y.csv=locked z.csv=settling again 3s"},
			{3 * s, "x.xlsx y.csv z.csv ~$x.xlsx", "y.csv z.csv | x.xlsx=locked"},
			{4 * s, "x.xlsx", "x.xlsx |"},
			{5 * s, "x.xlsx ~$x.xlsx", "| x.xlsx=locked"},
		}},
		{"marker", marker, []step{
			{0, "x.csv:1 y.csv:1 x.csv.ok", "x.csv+x.csv.ok | y.csv=unmarked"},
			{0, "y.csv:1 y.ok", "y.csv+y.ok |"},
			{0, "z.csv:0 z.csv.ok z.ok", "z.csv+z.csv.ok+z.ok |"},
			{0, "lone.ok lone.csv.ok", "|"},
		}},
		{"a marker is no file even where everything matches", all, []step{
			{0, "x x.ok y.ok", "x+x.ok |"},
		}},
		{"a lock is stronger than a marker", marker, []step{
			{0, "x.xlsx x.xlsx.ok ~$x.xlsx", "| x.xlsx=locked"},
			{0, "x.xlsx x.xlsx.ok", "x.xlsx+x.xlsx.ok |"},
		}},
		{"one marker of two files goes with the last", marker, []step{
			{0, "x.csv x.xlsx x.ok", "x.csv x.xlsx+x.ok |"},
			{0, "x.csv x.xlsx x.ok ~$x.xlsx", "x.csv | x.xlsx=locked"},
			{0, "x.csv x.xlsx x.csv.ok x.ok", "x.csv+x.csv.ok x.xlsx+x.ok |"},
		}},
		{"case", loose, []step{
			{0, "X.CSV x.csv.OK", "X.CSV+x.csv.OK |"},
		}},
		{"order of arrival", quiet, []step{
			{0, "z.csv:1", "| z.csv=settling again 3s"},
			{1 * s, "z.csv:1 b9.csv:1 b10.csv:1", "| b10.csv=settling b9.csv=settling z.csv=settling again 2s"},
			{9 * s, "z.csv:1 a.csv:1 b9.csv:1 b10.csv:1", "z.csv b9.csv b10.csv | a.csv=settling again 3s"},
			{12 * s, "z.csv:1 a.csv:1 b9.csv:1 b10.csv:1", "z.csv b9.csv b10.csv a.csv |"},
		}},
		{"order of names", named, []step{
			{0, "z.csv:1", "| z.csv=settling again 3s"},
			{1 * s, "z.csv:1 b9.csv:1 b10.csv:1", "| b10.csv=settling b9.csv=settling z.csv=settling again 2s"},
			{9 * s, "z.csv:1 b9.csv:1 b10.csv:1", "b9.csv b10.csv z.csv |"},
		}},
		{"order of arrival after a lock", quiet, []step{
			{0, "a.xlsx ~$a.xlsx", "| a.xlsx=locked"},
			{1 * s, "a.xlsx ~$a.xlsx b.csv", "| a.xlsx=locked b.csv=settling again 3s"},
			{9 * s, "a.xlsx b.csv", "b.csv a.xlsx |"},
		}},
		{"a clock that goes back delays", quiet, []step{
			{0, "x.csv:1", "| x.csv=settling again 3s"},
			{-60 * s, "x.csv:1", "| x.csv=settling again 1m3s"},
			{3 * s, "x.csv:1", "x.csv |"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var settler transports.Settler
			for i, step := range c.steps {
				got := told(settler.Observe(start.Add(step.at), listing(step.seen), c.rules))
				if got != step.want {
					t.Errorf("step %d, at %v seeing %q: got %q, want %q", i, step.at, step.seen, got, step.want)
				}
			}
		})
	}
}

func TestSettlerForget(t *testing.T) {
	var s transports.Settler
	rules := transports.Rules{Quiet: time.Second}
	s.Observe(start, listing("x.csv"), rules)
	s.Forget("x.csv")
	look := s.Observe(start.Add(time.Minute), listing("x.csv"), rules)
	if got, want := told(look), "| x.csv=settling again 1s"; got != want {
		t.Errorf("after Forget: got %q, want %q", got, want)
	}
}

func TestSettlerHugeQuiet(t *testing.T) {
	var s transports.Settler
	rules := transports.Rules{Quiet: math.MaxInt64}
	for i := range 3 {
		look := s.Observe(start.Add(time.Duration(i)*time.Hour), listing("x.csv:0 y.csv:1"), rules)
		if len(look.Ready) != 0 || look.Again <= 0 {
			t.Errorf("a quiet without end: got %q", told(look))
		}
	}
}

func TestCompareNames(t *testing.T) {
	sorted := []string{
		"", "F", "F0", "F00", "F01", "F1", "F2", "F2.csv", "F2a", "F9", "F10", "F10.csv", "F99999999999999999999998",
		"F99999999999999999999999", "FACT_2026_9.csv", "FACT_2026_10.csv", "f1", "\xe9",
	}
	for i, a := range sorted {
		for j, b := range sorted {
			if got, want := transports.CompareNames(a, b), cmp.Compare(i, j); got != want {
				t.Errorf("CompareNames(%q, %q) = %d, want %d", a, b, got, want)
			}
		}
	}
}

func FuzzCompareNames(f *testing.F) {
	f.Add("F01", "F1", "F001")
	f.Add("a1b2", "a1b10", "a01b2")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		ab, ba := transports.CompareNames(a, b), transports.CompareNames(b, a)
		if ab != -ba || (ab == 0) != (a == b) {
			t.Errorf("CompareNames(%q, %q) = %d, the other way round %d", a, b, ab, ba)
		}
		if bc := transports.CompareNames(b, c); ab <= 0 && bc <= 0 && transports.CompareNames(a, c) > 0 {
			t.Errorf("%q <= %q <= %q, but the first is above the last", a, b, c)
		}
	})
}

// FuzzSettler drives a settler with any history and checks what must hold always.
func FuzzSettler(f *testing.F) {
	f.Add([]byte("\x01\x00\x01\x05\x00\x01"), uint8(3), false)
	f.Add([]byte("abcabcabcabc"), uint8(0), true)
	names := []string{"x.csv", "y.csv", "x.csv.ok", "x.ok", "~$y.csv", ".~lock.x.csv#", "", "é\xff.csv"}
	f.Fuzz(func(t *testing.T, history []byte, quiet uint8, marked bool) {
		var s transports.Settler
		rules := transports.Rules{Quiet: time.Duration(quiet) * time.Second}
		if marked {
			rules.Marker = ".ok"
		}
		now := start
		last := map[string]time.Time{} // since when each file is as it is
		shape := map[string]transports.File{}
		for len(history) >= 3 {
			now = now.Add(time.Duration(history[0]) * time.Second)
			var files []transports.File
			for i, name := range names {
				if history[1]>>i&1 == 1 {
					files = append(files, transports.File{Name: name, Size: int64(history[2] >> i & 1)})
				}
			}
			history = history[3:]
			present := map[string]bool{}
			for _, f := range files {
				present[f.Name] = true
				if old, ok := shape[f.Name]; !ok || !old.Same(f) {
					shape[f.Name], last[f.Name] = f, now
				}
			}
			for name := range shape {
				if !present[name] {
					delete(shape, name)
				}
			}
			look := s.Observe(now, files, rules)
			for _, r := range look.Ready {
				name := r.File.Name
				switch {
				case !present[name]:
					t.Errorf("%q is ready and not there", name)
				case present["~$"+name] || present[".~lock."+name+"#"]:
					t.Errorf("%q is ready beside its lock", name)
				case marked && strings.HasSuffix(name, ".ok"):
					t.Errorf("the marker %q is ready", name)
				case marked && len(r.Markers) == 0 && !present[strings.TrimSuffix(name, ".csv")+".ok"]:
					t.Errorf("%q is ready without a marker", name)
				case !marked && now.Sub(last[name]) < rules.Quiet:
					t.Errorf("%q is ready after %v, quiet is %v", name, now.Sub(last[name]), rules.Quiet)
				}
			}
			if look.Settling > 0 && look.Again < 0 {
				t.Errorf("look again in %v", look.Again)
			}
		}
	})
}
