package xlsxfile

import (
	"archive/zip"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/navette-connect/navette/mappings"
)

// book is an opened workbook: what its sheets share.
type book struct {
	source    mappings.Source
	disk      *disk
	files     map[string]*zip.File // by path, in small letters
	sheets    []sheetEntry
	epoch1904 bool
	strings   stringTable
	styles    []bool // by style of a cell: whether its numbers are dates
	stylePath string
	themePath string
}

// sheetEntry is a sheet of cells as the workbook lists it.
type sheetEntry struct {
	name, path string
	hidden     bool
	state      string
}

func openBook(src mappings.Spooled, source mappings.Source) (*book, error) {
	b := &book{source: source, disk: &disk{ReaderAt: src.ReaderAt}, files: map[string]*zip.File{}}
	src.ReaderAt = b.disk
	z, err := mappings.OpenArchive(src)
	if b.disk.err != nil {
		return nil, b.fault(err, "")
	}
	switch {
	case errors.Is(err, mappings.ErrDirectory):
		return nil, mappings.Refuse(0, "NV-1003.entries")
	case err != nil:
		kind, detail, err := mappings.Sniff(src)
		if err != nil {
			return nil, err
		}
		if kind == "zip" { // an archive whose directory, its last part, is missing
			return nil, mappings.Unfinished(0, "NV-1005.workbook")
		}
		return nil, mappings.RefuseKind(kind, detail, true)
	}
	if kind, detail, err := mappings.Sniff(src); err != nil || kind != mappings.FileXLSX {
		if err != nil {
			return nil, err
		}
		return nil, mappings.RefuseKind(kind, detail, true)
	}
	for _, f := range z.File {
		name := partName(f.Name)
		if _, twice := b.files[name]; twice { // two programs would read two different workbooks
			return nil, mappings.Refuse(0, "NV-1004.workbook", "part", "zip")
		}
		if f.Flags&1 != 0 {
			return nil, mappings.Refuse(0, "NV-1007.encrypted")
		}
		b.files[name] = f
	}
	if err := b.readWorkbook(); err != nil {
		return nil, err
	}
	return b, nil
}

// partName is a path as parts are found by: some programs write backslashes, and capitals otherwise than they refer to
// them (observed).
func partName(s string) string {
	return strings.ToLower(strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(s, "\\", "/")), "/"))
}

// part unpacks one part of the archive within its bound.
type part struct {
	io.ReadCloser
	name             string
	n, packed, limit int64
}

// A part is out of proportion when it is large and unpacks to more than this many times its size. Sheets of many equal
// rows reach 100, deflate ends at 1032.
const (
	bombBytes = 64 << 20
	bombRatio = 400
)

func (p *part) Read(b []byte) (int, error) {
	n, err := p.ReadCloser.Read(b)
	p.n += int64(n)
	switch {
	case p.n > p.limit:
		return 0, mappings.Refuse(0, "NV-1003.expanded", "limit", strconv.FormatInt(p.limit, 10), "part", p.name)
	case p.n > bombBytes && p.n/bombRatio > p.packed:
		return 0, mappings.Refuse(0, "NV-1003.bomb", "part", p.name)
	}
	return n, err
}

// unpack opens a part; nil where there is none. what is its name for people.
func (b *book) unpack(name, what string, limit int64) (*part, error) {
	f := b.files[name]
	if f == nil {
		return nil, nil
	}
	if f.UncompressedSize64 > uint64(limit) {
		return nil, mappings.Refuse(0, "NV-1003.expanded", "limit", strconv.FormatInt(limit, 10), "part", what)
	}
	r, err := f.Open()
	if err != nil {
		return nil, b.fault(err, "NV-1004.workbook", "part", what)
	}
	return &part{ReadCloser: r, name: what, packed: int64(f.CompressedSize64), limit: limit}, nil
}

// walk reads a small part tag by tag.
func (b *book) walk(name, what string, required bool, each func(*markup, xml.StartElement)) error {
	p, err := b.unpack(name, what, smallPart)
	if err != nil {
		return err
	}
	if p == nil {
		if required {
			return mappings.Refuse(0, "NV-1004.workbook", "part", what)
		}
		return nil
	}
	defer p.Close()
	m := newMarkup(p, what, 1<<20)
	for {
		t, err := m.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return b.fault(err, "NV-1004.workbook", "part", what)
		}
		if start, ok := t.(xml.StartElement); ok {
			each(m, start)
		}
	}
}

// relation is what a part refers to.
type relation struct{ kind, path string }

// relations reads the references of a part, by id.
func (b *book) relations(of string) (map[string]relation, error) {
	dir, base := path.Split(of)
	out := map[string]relation{}
	err := b.walk(dir+"_rels/"+base+".rels", "_rels", false, func(_ *markup, t xml.StartElement) {
		if t.Name.Local != "Relationship" || strings.EqualFold(attr(t, "TargetMode", false), "External") {
			return
		}
		kind, target := attr(t, "Type", false), strings.ReplaceAll(attr(t, "Target", false), "\\", "/")
		if !strings.HasPrefix(target, "/") {
			target = dir + target
		}
		out[attr(t, "Id", false)] = relation{kind[strings.LastIndexByte(kind, '/')+1:], partName(target)}
	})
	return out, err
}

// readWorkbook finds the sheets and reads what they share.
func (b *book) readWorkbook() error {
	root, err := b.relations("")
	if err != nil {
		return err
	}
	main := "xl/workbook.xml"
	for _, r := range root {
		if r.kind == "officeDocument" && b.files[r.path] != nil {
			main = r.path
		}
	}
	refs, err := b.relations(main)
	if err != nil {
		return err
	}
	err = b.walk(main, "workbook.xml", true, func(m *markup, t xml.StartElement) {
		switch {
		case t.Name.Local == "workbookPr":
			v := attr(t, "date1904", false)
			b.epoch1904 = v == "1" || v == "true" || v == "on"
		case t.Name.Local == "sheet" && m.parent() == "sheets":
			r := refs[attr(t, "id", true)]
			if r.kind != "worksheet" || b.files[r.path] == nil { // charts, macro sheets
				return
			}
			state := attr(t, "state", false)
			b.sheets = append(b.sheets, sheetEntry{name: attr(t, "name", false), path: r.path, state: state, hidden: state == "hidden" || state == "veryHidden"})
		}
	})
	if err != nil {
		return err
	}
	for _, r := range refs {
		switch r.kind {
		case "sharedStrings":
			if err := b.readStrings(r.path); err != nil {
				return err
			}
		case "styles":
			b.stylePath = r.path
		case "theme":
			b.themePath = r.path
		}
	}
	return b.readStyles()
}

// stringTable holds the shared strings in one block.
type stringTable struct {
	text []byte
	ends []uint32
}

// at gives a string; false where there is none of that number.
func (s *stringTable) at(i int) (string, bool) {
	if i < 0 || i >= len(s.ends) {
		return "", false
	}
	from := uint32(0)
	if i > 0 {
		from = s.ends[i-1]
	}
	return string(s.text[from:s.ends[i]]), true
}

// readStrings reads the texts that cells share. Formats inside a text are dropped, readings of East Asian characters
// (rPh) are no part of it.
func (b *book) readStrings(name string) error {
	const what = "sharedStrings.xml"
	p, err := b.unpack(name, what, min(b.source.MaxBytes, 1<<30))
	if p == nil || err != nil {
		return err
	}
	defer p.Close()
	m := newMarkup(p, what, tokenBound(b.source.MaxCell))
	s := &b.strings
	var text []byte
	skip, inText := 0, false
	for {
		t, err := m.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return b.fault(err, "NV-1004.workbook", "part", what)
		}
		switch t := t.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "si":
				text = text[:0]
			case "rPh":
				skip++
			case "t":
				inText = skip == 0
			}
		case xml.CharData:
			if inText {
				text = append(text, t...)
			}
		case xml.EndElement:
			switch t.Name.Local {
			case "t":
				inText = false
			case "rPh":
				skip--
			case "si":
				s.text = append(s.text, unescape(text)...)
				s.ends = append(s.ends, uint32(len(s.text)))
				if len(s.text) > stringBytes || len(s.ends) > stringCount {
					return mappings.Refuse(0, "NV-1003.expanded", "limit", strconv.Itoa(stringBytes), "part", what)
				}
			}
		}
	}
}

// tokenBound is how long a text may be in markup: each character may be written as a reference.
func tokenBound(maxCell int) int { return 8*maxCell + 64<<10 }

// readStyles finds out which styles of cells show numbers as dates.
func (b *book) readStyles() error {
	codes := map[int]string{}
	var ids []int
	err := b.walk(b.stylePath, "styles.xml", false, func(m *markup, t xml.StartElement) {
		switch {
		case t.Name.Local == "numFmt" && m.parent() == "numFmts":
			if id, err := strconv.Atoi(attr(t, "numFmtId", false)); err == nil {
				codes[id] = attr(t, "formatCode", false)
			}
		case t.Name.Local == "xf" && m.parent() == "cellXfs":
			id, err := strconv.Atoi(attr(t, "numFmtId", false))
			if err != nil {
				id = 0
			}
			ids = append(ids, id)
		}
	})
	b.styles = make([]bool, len(ids))
	for i, id := range ids {
		b.styles[i] = showsDates(id, codes[id])
	}
	return err
}
