// Package propose reads a sample of an unknown export and proposes a mapping for it: encoding, shape, number and date
// marks, which column is what. It is pure: bytes in, a commented YAML out that mappings.Load takes. Whatever it could
// only guess about money, dates and the open balance carries `confirm: true`, which production refuses.
//
// The path of a sample: decode (decode.go), nothing of a bank's (bank.go), a known layout (layout.go) or else rows
// (table.go, fixed.go), titles and roles of the columns (titles.go, roles.go, flags.go), money and its currency (money.go,
// currency.go, instalments.go), dates (dateorder.go), the shape of documents (shape.go, groups.go, lines.go, totals.go), and
// the text of the mapping (write.go), which is loaded and tried on the sample before it is handed out (try.go).
package propose

import (
	"errors"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/mappings"
)

// Options is what a proposal needs from outside.
type Options struct {
	// Formats makes the readers of the source formats, as mappings.Options has them.
	Formats map[string]func(mappings.Source) (mappings.Format, error)
	// Preset gives the YAML of a known layout; nil: none is tried.
	Preset func(name string) ([]byte, error)
	Name   string // of the mapping; "": made from the sample's name
	Lang   string // of the comments: fr or en
}

// Proposal is a mapping proposed for a sample.
type Proposal struct {
	YAML    []byte         // the commented mapping
	Name    string         // its name
	Preset  string         // the known layout it starts from, "" for none
	Kind    mappings.Kind  // request or operation
	Source  []Fact         // how the file is written
	Columns []Column       // what was made of each column of the file, in its order
	Guesses []message.Text // what a person has to look at, the weightiest first
	Tried   Trial          // what the mapping makes of the sample
}

// Fact is one thing seen of the file: a key of `source` and its value.
type Fact struct{ Key, Value string }

// Column is one column of the sample and the field it became.
type Column struct {
	Title, Letter, Example string
	Field                  string // "" where it is not used
	Confirm                bool
}

// ErrNothing is the kind of a sample that no mapping can be proposed for. The reason is a *Refusal or a
// *mappings.FileError.
var ErrNothing = errors.New("nothing to propose")

// Refusal says why no mapping can be proposed.
type Refusal struct{ Text message.Text }

func (r *Refusal) Error() string { return r.Text.In("en") }

// Is makes a Refusal one of ErrNothing.
func (r *Refusal) Is(target error) bool { return target == ErrNothing }

func refuse(key string, args ...string) error { return &Refusal{message.New(key, args...)} }

// sampleBytes is how much of a file is looked at: beyond this more rows teach nothing.
const sampleBytes = 4 << 20

// Propose reads a sample and proposes a mapping. The error is a *mappings.FileError where the file as a whole cannot be
// read (empty, binary, a workbook), a *Refusal where it can but no mapping can be made of it (no amount, no reference).
func Propose(src mappings.Spooled, opt Options) (*Proposal, error) {
	if opt.Name == "" {
		opt.Name = nameOf(src.Name)
	}
	if !validName.MatchString(opt.Name) {
		return nil, refuse("propose.name", "name", opt.Name)
	}
	s, err := open(src, opt)
	if err != nil {
		return nil, err
	}
	if err := s.bank(); err != nil {
		return nil, err
	}
	if p := s.layout(); p != nil {
		return p, nil
	}
	return s.generic()
}

// sample is a decoded file and what is being found out about it.
type sample struct {
	src      mappings.Spooled
	opt      Options
	format   string // csv, fixed, xlsx
	encoding string
	bom      bool
	marked   bool   // 0x1A closes it
	text     string // decoded, from behind a byte-order mark
	whole    bool   // text is all of the file
	newline  string
	openEnd  bool // the last line is not closed
}

// say gives a sentence of the catalogue in the language of the comments.
func (s *sample) say(key string, args ...string) string {
	return message.New(key, args...).In(s.opt.Lang)
}

// maxSheets is how many sheets of a workbook are looked at for a list.
const maxSheets = 12

// generic proposes a mapping for a file of no known layout.
func (s *sample) generic() (*Proposal, error) {
	var firstErr error
	list := s.tables()
	if s.format == "xlsx" {
		t, err := s.workbook(1)
		if err != nil {
			return nil, err
		}
		list = []*table{t}
	}
	for len(list) > 0 {
		t := list[0]
		list = list[1:]
		d, err := t.describe()
		if err == nil {
			d.sheets = t.likeSheets()
			return d.propose()
		}
		if firstErr == nil {
			firstErr = err
		}
		if s.format == "xlsx" && t.sheet < maxSheets { // a cover, a summary: the list is on another
			if next, err := s.workbook(t.sheet + 1); err == nil {
				list = append(list, next)
			}
		}
	}
	if firstErr == nil {
		firstErr = refuse("propose.no_rows")
	}
	return nil, firstErr
}

// likeSheets lists the sheets behind this one that have the same titles: one for each year, say.
func (t *table) likeSheets() (list []string) {
	if t.format != "xlsx" || t.header < 0 {
		return nil
	}
	for n := t.sheet + 1; n <= maxSheets; n++ {
		next, err := t.s.workbook(n)
		if err != nil { // no such sheet
			break
		}
		next.findHeader()
		if sameTitles(next.titles, t.titles) && len(next.data()) > 0 {
			list = append(list, strconv.Itoa(n))
		}
	}
	return list
}

var (
	validName  = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
	nameStamps = regexp.MustCompile(`[-_. ]*[0-9]{5,}.*$`)
	nameDates  = regexp.MustCompile(`[-_. ]*(19|20)[0-9]{2}([-_. ]?[0-9]{2}){0,2}$`)
)

// nameOf makes a mapping's name of a file's: FACTURES_20261120.csv -> factures.
func nameOf(file string) string {
	stem := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	for _, re := range []*regexp.Regexp{nameStamps, nameDates} {
		if cut := re.ReplaceAllString(stem, ""); cut != "" {
			stem = cut
		}
	}
	var b strings.Builder
	for _, w := range words(stem) {
		if b.Len() > 0 {
			b.WriteByte('-')
		}
		b.WriteString(w)
	}
	name := b.String()
	if len(name) > 40 {
		name = strings.TrimRight(name[:40], "-")
	}
	if !validName.MatchString(name) {
		return "exemple"
	}
	return name
}
