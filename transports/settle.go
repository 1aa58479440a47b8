package transports

import (
	"cmp"
	"math"
	"path"
	"slices"
	"strings"
	"time"
)

// Rules say which files of a folder are a flow's, and when they are complete.
type Rules struct {
	Match     []string      // patterns of Match; none: everything not Ignored
	MatchCase bool          // of Match and Marker
	Quiet     time.Duration // unchanged for this long; 0: two equal observations, the second of which may follow at once
	Marker    string        // suffix of marker files (".ok"): a file is ready when its marker is there, quiet is not asked; "": none
	ByName    bool          // order by the numbers in the names, else by the time of becoming ready
}

// emptyFactor is how many times longer a file of size 0 must be quiet: many writers create first and fill later.
const emptyFactor = 10

// Reason is why a file is not ready yet.
type Reason int

// The reasons, the one that lasts longest first.
const (
	Locked   Reason = iota + 1 // an office program's lock file stands beside it
	Unmarked                   // its marker is not there
	Settling                   // not quiet for long enough: time alone mends it
)

func (r Reason) String() string {
	switch r {
	case Locked:
		return "locked"
	case Unmarked:
		return "unmarked"
	case Settling:
		return "settling"
	}
	return "unknown"
}

// Ready is one file that may be taken.
type Ready struct {
	File    File
	Since   time.Time // when it became ready, by the clock given to Observe
	Markers []string  // its marker files, to be moved away with it
}

// Waiting is one file that may not be taken yet.
type Waiting struct {
	Name   string
	Reason Reason
	Since  time.Time // when it was first seen as it is now
}

// Look is what one observation of a folder told.
type Look struct {
	Ready   []Ready   // in the order in which they are to be taken
	Waiting []Waiting // in the order of the listing
	// Again is how long from now the next observation can find something more ready by time alone; it counts only
	// when Settling, the number of such files, is not 0. Locks and markers go and come with events.
	Again    time.Duration
	Settling int
}

// Settler remembers one folder's listings and tells which files are complete. It reads no clock and no file, holds
// only what the last listing held, and serves one goroutine.
type Settler struct {
	files map[string]*observed
}

// observed is a file as it was seen first in its present shape.
type observed struct {
	file    File
	since   time.Time
	times   int  // observations in this shape
	waited  bool // it waited for a lock or a marker: ready when that was seen, not when quiet was over
	isReady bool
	ready   time.Time
	round   bool // belongs to the listing at hand
}

// Observe takes one listing, whole and as Box.List gives it, and the time at which it was made. now should come from
// time.Now, whose monotonic part makes steps of the wall clock harmless. A file stays ready in each Look until it
// vanishes or changes.
func (s *Settler) Observe(now time.Time, files []File, rules Rules) Look {
	if s.files == nil {
		s.files = make(map[string]*observed, len(files))
	}
	beside := newBeside(files, rules)
	look := Look{Again: math.MaxInt64}
	for _, f := range files {
		if Ignored(f.Name) || beside.isMarker(f.Name) || !Match(rules.Match, f.Name, rules.MatchCase) {
			continue
		}
		o := s.files[f.Name]
		if o == nil || !o.file.Same(f) {
			o = &observed{since: now}
			s.files[f.Name] = o
		}
		o.file, o.round = f, true
		o.times++
		reason, left := o.judge(now, rules, beside)
		switch {
		case reason == 0:
			look.Ready = append(look.Ready, Ready{File: f, Since: o.ready})
			continue
		case reason == Settling:
			look.Settling++
			look.Again = min(look.Again, left)
		}
		look.Waiting = append(look.Waiting, Waiting{Name: f.Name, Reason: reason, Since: o.since})
	}
	for name, o := range s.files {
		if !o.round {
			delete(s.files, name)
		}
		o.round = false
	}
	if look.Settling == 0 {
		look.Again = 0
	}
	slices.SortFunc(look.Ready, func(a, b Ready) int {
		if c := a.Since.Compare(b.Since); c != 0 && !rules.ByName {
			return c
		}
		return CompareNames(a.File.Name, b.File.Name)
	})
	beside.giveMarkers(&look)
	return look
}

// Forget drops what is remembered of a name, to be called once its file was taken: the next file of that name then
// settles from the beginning, however much it looks like the last.
func (s *Settler) Forget(name string) { delete(s.files, name) }

// judge gives the reason for which o is not ready, 0 when it is, and how much longer it must be quiet.
func (o *observed) judge(now time.Time, rules Rules, b *beside) (Reason, time.Duration) {
	reason, need := Reason(0), rules.Quiet
	switch {
	case b.locked[o.file.Name]:
		reason = Locked
	case rules.Marker != "" && !b.marked(o.file.Name):
		reason = Unmarked
	}
	if reason != 0 {
		o.waited, o.isReady = true, false
		return reason, 0
	}
	if rules.Marker == "" && !o.isReady {
		if o.file.Size == 0 {
			need = min(need, math.MaxInt64/emptyFactor) * emptyFactor
		}
		left := max(need-now.Sub(o.since), 0)
		if o.times < 2 || left > 0 {
			return Settling, left
		}
	}
	if !o.isReady {
		o.isReady, o.ready = true, o.since.Add(need)
		if o.waited || rules.Marker != "" {
			o.ready = now
		}
	}
	return 0, 0
}

// beside is what a listing says about its files by the names of others.
type beside struct {
	rules  Rules
	suffix string            // rules.Marker as names are compared
	locked map[string]bool   // names whose lock file is there
	marks  map[string]string // the marker files there: as compared -> as written
	stems  map[string]int    // marker of a stem -> files in the listing that it serves
}

func newBeside(files []File, rules Rules) *beside {
	b := &beside{rules: rules, suffix: matchForm(rules.Marker, rules.MatchCase)}
	for _, f := range files {
		if of, ok := lockOf(f.Name); ok {
			if b.locked == nil {
				b.locked = make(map[string]bool)
			}
			b.locked[of] = true
		}
		if b.isMarker(f.Name) {
			if b.marks == nil {
				b.marks = make(map[string]string)
			}
			b.marks[b.form(f.Name)] = f.Name
		}
	}
	if len(b.marks) == 0 {
		return b
	}
	b.stems = make(map[string]int)
	for _, f := range files {
		if !Ignored(f.Name) && !b.isMarker(f.Name) && Match(rules.Match, f.Name, rules.MatchCase) {
			b.stems[b.stemMark(f.Name)]++
		}
	}
	return b
}

// lockOf gives the file that a lock file of Excel (`~$x.xlsx`) or LibreOffice (`.~lock.x.csv#`) speaks of.
func lockOf(name string) (string, bool) {
	if of, ok := strings.CutPrefix(name, "~$"); ok {
		return of, true
	}
	if of, ok := strings.CutPrefix(name, ".~lock."); ok {
		return strings.CutSuffix(of, "#")
	}
	return "", false
}

func (b *beside) form(name string) string { return matchForm(name, b.rules.MatchCase) }

// isMarker tells whether a name is a marker, with or without its file: never a file itself.
func (b *beside) isMarker(name string) bool {
	return b.suffix != "" && strings.HasSuffix(b.form(name), b.suffix)
}

// ownMark and stemMark are the two names a marker of a file can have: x.csv.ok and x.ok.
func (b *beside) ownMark(name string) string { return b.form(name) + b.suffix }

func (b *beside) stemMark(name string) string {
	return strings.TrimSuffix(b.form(name), b.form(path.Ext(name))) + b.suffix
}

func (b *beside) marked(name string) bool {
	_, own := b.marks[b.ownMark(name)]
	_, stem := b.marks[b.stemMark(name)]
	return own || stem
}

// giveMarkers hands each marker to its file. One that serves several (x.ok beside x.csv and x.txt) goes to the last of
// them, once all are ready, so that taking the first does not unmark the rest.
func (b *beside) giveMarkers(look *Look) {
	if len(b.marks) == 0 {
		return
	}
	for i := range look.Ready {
		r := &look.Ready[i]
		own, stem := b.ownMark(r.File.Name), b.stemMark(r.File.Name)
		if mark, ok := b.marks[own]; ok {
			r.Markers = append(r.Markers, mark)
		}
		b.stems[stem]--
		if mark, ok := b.marks[stem]; ok && stem != own && b.stems[stem] == 0 {
			r.Markers = append(r.Markers, mark)
		}
	}
}

// CompareNames orders names as people number them: runs of digits by their value ("F9" before "F10"), the rest by its
// bytes. Only equal names compare as 0.
func CompareNames(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		if isDigit(x[0]) && isDigit(y[0]) {
			var m, n string
			m, x = number(x)
			n, y = number(y)
			if c := cmp.Or(cmp.Compare(len(m), len(n)), cmp.Compare(m, n)); c != 0 {
				return c
			}
			continue
		}
		if x[0] != y[0] {
			return cmp.Compare(x[0], y[0])
		}
		x, y = x[1:], y[1:]
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(a, b))
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// number splits off the leading digits, without leading zeros.
func number(s string) (digits, rest string) {
	i := 0
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return strings.TrimLeft(s[:i], "0"), s[i:]
}
