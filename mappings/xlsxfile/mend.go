package xlsxfile

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/navette-connect/navette/mappings"
)

// commentCount is how many cells at fault get a comment; more are red alone, and every reason stands in its row.
const commentCount = 1000

// codeTitle and messageTitle head the columns that are navette's own: a source that has them is read without them.
const (
	codeTitle    = "nv_code"
	messageTitle = "nv_message"
)

// Mend writes a workbook of the source's own layout: the rows above the data in their places, below them the rejected
// ones with code and message, the cells at fault red with a comment. Cells keep their type and format; formulas have become
// their values. The other sheets are there by name, empty, so that the mapping finds its own again.
//
// No time, name or chance is in it: the same rows give the same bytes.
func (f format) Mend(w io.Writer, src mappings.Spooled, head mappings.Head, d mappings.Dialect, rejects []mappings.Reject) error {
	t, err := f.open(src)
	if err != nil {
		return err
	}
	rejects = slices.Clone(rejects)
	slices.SortStableFunc(rejects, func(a, b mappings.Reject) int { return a.Line - b.Line })
	var closing []mappings.Reject
	for len(rejects) > 0 && rejects[0].Line == 0 {
		closing, rejects = append(closing, rejects[0]), rejects[1:]
	}
	look, err := t.book.look()
	if err != nil {
		return err
	}
	m := &mender{table: t, head: head, width: d.Width, rejects: rejects, closing: closing, look: look, above: map[int][]cell{}}
	z := zip.NewWriter(w)
	put := func(name string, fill func(io.Writer) error) {
		if err != nil {
			return
		}
		var p io.Writer
		if p, err = z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate}); err == nil {
			err = fill(p)
		}
	}
	text := func(name, content string) {
		put(name, func(w io.Writer) error {
			_, err := io.WriteString(w, xmlHead+content)
			return err
		})
	}
	place := slices.IndexFunc(t.book.sheets, func(s sheetEntry) bool { return s.path == t.sheet.path && s.name == t.sheet.name }) + 1
	text("_rels/.rels", relationsOf(officeType+"officeDocument", "xl/workbook.xml"))
	text("xl/workbook.xml", m.workbook(place))
	for i := range t.book.sheets {
		if i+1 != place {
			text(fmt.Sprintf("xl/worksheets/sheet%d.xml", i+1), `<worksheet xmlns="`+mainNS+`"><sheetData/></worksheet>`)
		}
	}
	put(fmt.Sprintf("xl/worksheets/sheet%d.xml", place), m.sheetTo)
	text("xl/_rels/workbook.xml.rels", m.workbookRelations())
	put("xl/styles.xml", func(w io.Writer) error { return look.write(w) })
	if look.theme != nil {
		put("xl/theme/theme1.xml", func(w io.Writer) error { _, err := w.Write(look.theme); return err })
	}
	if len(m.comments) > 0 {
		text(fmt.Sprintf("xl/worksheets/_rels/sheet%d.xml.rels", place), relationsOf(officeType+"comments", "../comments1.xml", officeType+"vmlDrawing", "../drawings/vmlDrawing1.vml"))
		text("xl/comments1.xml", m.commentsPart())
		text("xl/drawings/vmlDrawing1.vml", m.shapes())
	}
	text("[Content_Types].xml", m.contentTypes())
	if err != nil {
		return fmt.Errorf("writing the workbook of rejects: %w", err)
	}
	return z.Close()
}

const (
	xmlHead    = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	mainNS     = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
	officeType = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
	typesBase  = "application/vnd.openxmlformats-officedocument."
)

// mender writes one workbook of rejects.
type mender struct {
	*table
	head     mappings.Head
	width    int
	rejects  []mappings.Reject
	closing  []mappings.Reject
	look     *look
	above    map[int][]cell // the cells last seen in each column, for those that were filled from above
	out      int            // rows written so far, as they are numbered
	buf      []byte
	comments []comment
}

type comment struct {
	column, line int
	text         string
}

// sheetTo writes the sheet, reading the source's once more.
func (m *mender) sheetTo(w io.Writer) error {
	if _, err := io.WriteString(w, xmlHead+`<worksheet xmlns="`+mainNS+`" xmlns:r="`+strings.TrimSuffix(officeType, "/")+`">`+m.columns()+`<sheetData>`); err != nil {
		return err
	}
	next := 0
	flush := func() error {
		_, err := w.Write(m.buf)
		m.buf = m.buf[:0]
		return err
	}
	for r, err := range m.rows() {
		if err != nil {
			return err
		}
		if r.line <= m.head.Rows {
			m.headRow(r)
		} else if next == len(m.rejects) {
			break
		} else if m.width == 0 { // neither titles nor declared columns: the first row tells, as for the mapping
			m.width = widthOf(r)
		}
		for next < len(m.rejects) && m.rejects[next].Line <= r.line {
			if m.rejects[next].Line == r.line {
				m.rejectRow(r, &m.rejects[next])
			}
			next++
		}
		m.remember(r)
		if err := flush(); err != nil {
			return err
		}
	}
	for i := range m.closing {
		m.rejectRow(&row{}, &m.closing[i])
	}
	if err := flush(); err != nil {
		return err
	}
	end := "</sheetData>"
	if len(m.comments) > 0 {
		end += `<legacyDrawing r:id="rId2"/>`
	}
	_, err := io.WriteString(w, end+"</worksheet>")
	return err
}

// widthOf counts a row's cells, without a code and message of ours behind them.
func widthOf(r *row) int {
	var texts []string
	for _, c := range r.cells {
		if c.text != "" {
			texts = append(append(texts, make([]string, c.column-len(texts))...), c.text)
		}
	}
	n := len(texts)
	if n > 2 && len(texts[n-2]) == len("NV-1201") && strings.HasPrefix(texts[n-2], "NV-") {
		return n - 2
	}
	return n
}

// columns gives the columns a width that their texts can be read in.
func (m *mender) columns() string {
	if m.width == 0 {
		return ""
	}
	return fmt.Sprintf(`<cols><col min="1" max="%d" width="18" customWidth="1"/><col min="%d" max="%d" width="10" customWidth="1"/><col min="%d" max="%d" width="70" customWidth="1"/></cols>`,
		m.width, m.width+1, m.width+1, m.width+2, m.width+2)
}

func (m *mender) begin(line int) {
	m.buf = append(m.buf, `<row r="`...)
	m.buf = strconv.AppendInt(m.buf, int64(line), 10)
	m.buf = append(m.buf, `">`...)
	m.out = line
}

// headRow copies a row above the data; that of the titles gets ours behind it.
func (m *mender) headRow(r *row) {
	m.begin(r.line)
	for i := range r.cells {
		if c := &r.cells[i]; r.line < m.head.Line || m.head.Line == 0 || c.column < m.width {
			m.cell(c, c.style)
		}
	}
	if r.line == m.head.Line {
		m.text(m.width, codeTitle, 0)
		m.text(m.width+1, messageTitle, 0)
	}
	m.buf = append(m.buf, "</row>"...)
}

// rejectRow copies a rejected row to the next free place.
func (m *mender) rejectRow(r *row, reject *mappings.Reject) {
	m.begin(max(m.out, m.head.Rows) + 1)
	cells := map[int]cell{}
	for _, c := range r.cells {
		if c.column < m.width {
			cells[c.column] = c
		}
	}
	m.fill(cells, reject.Raw)
	marks := map[int]string{}
	for _, k := range reject.Marks {
		if k.Column < m.width {
			if _, there := cells[k.Column]; !there {
				cells[k.Column] = cell{column: k.Column}
			}
			marks[k.Column] = k.Text
		}
	}
	for column := range m.width {
		c, there := cells[column]
		if !there {
			continue
		}
		style := c.style
		if text, bad := marks[column]; bad {
			style = m.look.red(style)
			if len(m.comments) < commentCount {
				m.comments = append(m.comments, comment{column, m.out, text})
			}
		}
		m.cell(&c, style)
	}
	m.text(m.width, reject.Code, 0)
	m.text(m.width+1, reject.Message, 0)
	m.buf = append(m.buf, "</row>"...)
}

// fill puts in what was taken from the rows above: the cell itself where it is found there, else its text.
func (m *mender) fill(cells map[int]cell, raw []byte) {
	if raw == nil {
		return
	}
	column := 0
	splitCells(raw, -1, func(text string) {
		if c, there := cells[column]; text != "" && (!there || c.text == "") && column < m.width {
			filled := cell{column: column, text: text, typ: "str", style: c.style}
			for _, above := range m.above[column] {
				if strings.TrimSpace(above.text) == strings.TrimSpace(text) {
					filled = above
				}
			}
			cells[column] = filled
		}
		column++
	})
}

// remember keeps the last cell of each column that has a value.
func (m *mender) remember(r *row) {
	for _, c := range r.cells {
		if c.text != "" && r.line > m.head.Rows {
			m.above[c.column] = []cell{c}
		}
	}
}

// cell writes a cell with its type. A formula that was never computed becomes an error: its text would be read as a value,
// and in its new place it would compute something else.
func (m *mender) cell(c *cell, style int) {
	if c.text == "" && style == 0 {
		return
	}
	kind, value := "", c.stored
	switch {
	case c.text == "":
	case c.kind == mappings.CellUncomputed:
		kind, value = "e", "#VALUE!"
	case c.typ == "s" || c.typ == "str" || c.typ == "inlineStr":
		m.text(c.column, c.text, style)
		return
	case c.typ == "b" || c.typ == "e" || c.typ == "d":
		kind = c.typ
	}
	m.open(c.column, kind, style)
	if c.text == "" {
		m.buf = append(m.buf, "/>"...)
		return
	}
	m.buf = append(m.buf, "><v>"...)
	m.buf = appendEscaped(m.buf, value)
	m.buf = append(m.buf, "</v></c>"...)
}

func (m *mender) text(column int, s string, style int) {
	m.open(column, "inlineStr", style)
	m.buf = append(m.buf, `><is><t xml:space="preserve">`...)
	m.buf = appendEscaped(m.buf, protect(s))
	m.buf = append(m.buf, "</t></is></c>"...)
}

func (m *mender) open(column int, kind string, style int) {
	m.buf = append(append(m.buf, `<c r="`...), letters(column)...)
	m.buf = strconv.AppendInt(m.buf, int64(m.out), 10)
	m.buf = append(m.buf, '"')
	if style > 0 {
		m.buf = append(strconv.AppendInt(append(m.buf, ` s="`...), int64(style), 10), '"')
	}
	if kind != "" {
		m.buf = append(append(append(m.buf, ` t="`...), kind...), '"')
	}
}

func appendEscaped(b []byte, s string) []byte {
	w := bytes.NewBuffer(b)
	if err := xml.EscapeText(w, []byte(s)); err != nil {
		return b // a buffer takes everything
	}
	return w.Bytes()
}

// protect is the reverse of unescape: what markup cannot hold, and what would be taken for an escape.
func protect(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0xfffe || r == 0xffff }) && !strings.Contains(s, "_x") {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r < ' ' && r != '\n' && r != '\t' || r == 0xfffe || r == 0xffff:
			fmt.Fprintf(&b, "_x%04X_", r)
		case r == '_' && escapes(s[i:]):
			b.WriteString("_x005F_")
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func escapes(s string) bool {
	if len(s) < 7 || s[1] != 'x' || s[6] != '_' {
		return false
	}
	_, err := strconv.ParseUint(s[2:6], 16, 16)
	return err == nil
}

// workbook lists the sheets in their order and opens the one that was read.
func (m *mender) workbook(place int) string {
	var b []byte
	b = append(b, `<workbook xmlns="`+mainNS+`" xmlns:r="`+strings.TrimSuffix(officeType, "/")+`"><workbookPr`...)
	if m.book.epoch1904 {
		b = append(b, ` date1904="1"`...)
	}
	b = append(b, fmt.Sprintf(`/><bookViews><workbookView activeTab="%d"/></bookViews><sheets>`, place-1)...)
	for i, s := range m.book.sheets {
		b = append(appendEscaped(append(b, `<sheet name="`...), s.name), fmt.Sprintf(`" sheetId="%d"`, i+1)...)
		if s.hidden && i+1 != place {
			b = append(b, ` state="`+s.state+`"`...)
		}
		b = append(b, fmt.Sprintf(` r:id="rId%d"/>`, i+1)...)
	}
	return string(append(b, `</sheets></workbook>`...))
}

func (m *mender) workbookRelations() string {
	var list []string
	for i := range m.book.sheets {
		list = append(list, officeType+"worksheet", fmt.Sprintf("worksheets/sheet%d.xml", i+1))
	}
	list = append(list, officeType+"styles", "styles.xml")
	if m.look.theme != nil {
		list = append(list, officeType+"theme", "theme/theme1.xml")
	}
	return relationsOf(list...)
}

// relationsOf writes pairs of type and target, numbered from rId1.
func relationsOf(list ...string) string {
	var b strings.Builder
	b.WriteString(`<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">`)
	for i := 0; i < len(list); i += 2 {
		fmt.Fprintf(&b, `<Relationship Id="rId%d" Type="%s" Target="%s"/>`, i/2+1, list[i], list[i+1])
	}
	b.WriteString(`</Relationships>`)
	return b.String()
}

func (m *mender) contentTypes() string {
	var b strings.Builder
	b.WriteString(`<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Default Extension="vml" ContentType="` + typesBase + `vmlDrawing"/>`)
	over := func(name, kind string) {
		fmt.Fprintf(&b, `<Override PartName="/xl/%s" ContentType="%s+xml"/>`, name, typesBase+kind)
	}
	over("workbook.xml", "spreadsheetml.sheet.main")
	for i := range m.book.sheets {
		over(fmt.Sprintf("worksheets/sheet%d.xml", i+1), "spreadsheetml.worksheet")
	}
	over("styles.xml", "spreadsheetml.styles")
	if m.look.theme != nil {
		over("theme/theme1.xml", "theme")
	}
	if len(m.comments) > 0 {
		over("comments1.xml", "spreadsheetml.comments")
	}
	b.WriteString(`</Types>`)
	return b.String()
}

func (m *mender) commentsPart() string {
	b := []byte(`<comments xmlns="` + mainNS + `"><authors><author>navette</author></authors><commentList>`)
	for _, c := range m.comments {
		b = append(b, fmt.Sprintf(`<comment ref="%s%d" authorId="0"><text><r><t xml:space="preserve">`, letters(c.column), c.line)...)
		b = append(appendEscaped(b, protect(clip(c.text))), `</t></r></text></comment>`...)
	}
	return string(append(b, `</commentList></comments>`...))
}

// clip keeps a comment readable.
func clip(s string) string {
	const most = 500
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}

// shapes draws the boxes of the comments, without which Excel shows none.
func (m *mender) shapes() string {
	var b strings.Builder
	b.WriteString(`<xml xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office" xmlns:x="urn:schemas-microsoft-com:office:excel"><o:shapelayout v:ext="edit"><o:idmap v:ext="edit" data="1"/></o:shapelayout><v:shapetype id="_x0000_t202" coordsize="21600,21600" o:spt="202" path="m,l,21600r21600,l21600,xe"><v:stroke joinstyle="miter"/><v:path gradientshapeok="t" o:connecttype="rect"/></v:shapetype>`)
	for i, c := range m.comments {
		fmt.Fprintf(&b, `<v:shape id="_x0000_s%d" type="#_x0000_t202" style="position:absolute;width:240pt;height:60pt;z-index:%d;visibility:hidden" fillcolor="#ffffe1" o:insetmode="auto"><v:fill color2="#ffffe1"/><v:shadow on="t" color="black" obscured="t"/><v:path o:connecttype="none"/><v:textbox style="mso-direction-alt:auto"/><x:ClientData ObjectType="Note"><x:MoveWithCells/><x:SizeWithCells/><x:Anchor>%d, 15, %d, 2, %d, 54, %d, 9</x:Anchor><x:AutoFill>False</x:AutoFill><x:Row>%d</x:Row><x:Column>%d</x:Column></x:ClientData></v:shape>`,
			1025+i, i+1, c.column+1, max(c.line-2, 0), c.column+4, c.line+2, c.line-1, c.column)
	}
	b.WriteString(`</xml>`)
	return b.String()
}
