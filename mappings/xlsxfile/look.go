package xlsxfile

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/navette-connect/navette/mappings"
)

// look is how the workbook of rejects is formatted: the source's own styles, and for each that a cell at fault has, the
// same in red.
type look struct {
	source []byte // styles.xml
	theme  []byte
	fills  int    // how many the source has
	fillAt int    // where in source one more is put
	xfAt   int    // where in source one more style is put
	xfs    []span // the source's styles of cells
	prefix string // of its elements, with the colon
	reds   map[int]int
	order  []int // the styles that are made red, as they came
}

type span struct{ from, inside, to int } // of an element: its start tag, what is in it, its end

// plainStyles stands in where the source has no styles that can be used: general, and dates.
const plainStyles = xmlHead + `<styleSheet xmlns="` + mainNS + `"><fonts><font><sz val="11"/><name val="Calibri"/></font></fonts><fills><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders><border/></borders><cellStyleXfs><xf/></cellStyleXfs><cellXfs><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/></cellXfs></styleSheet>`

// look reads the source's styles and theme.
func (b *book) look() (*look, error) {
	styles, err := b.whole(b.stylePath, "styles.xml")
	if err != nil {
		return nil, err
	}
	theme, err := b.whole(b.themePath, "theme1.xml")
	if err != nil {
		return nil, err
	}
	if l := lookOf(styles); l != nil {
		l.theme = theme
		return l, nil
	}
	// Without styles every cell has style 0: dates lose their format, and so their meaning.
	if len(b.styles) > 1 {
		return lookOf(b.standIn()), nil
	}
	return lookOf([]byte(plainStyles)), nil
}

// standIn is a style sheet of as many styles as the source has, which keeps nothing but what is a date.
func (b *book) standIn() []byte {
	var xfs strings.Builder
	for _, dates := range b.styles {
		id := 0
		if dates {
			id = 22 // day and time
		}
		fmt.Fprintf(&xfs, `<xf numFmtId="%d" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>`, id)
	}
	before, rest, _ := strings.Cut(plainStyles, "<cellXfs>")
	_, after, _ := strings.Cut(rest, "</cellXfs>")
	return []byte(before + "<cellXfs>" + xfs.String() + "</cellXfs>" + after)
}

// whole reads a small part; nil where there is none.
func (b *book) whole(name, what string) ([]byte, error) {
	p, err := b.unpack(name, what, smallPart)
	if p == nil || err != nil {
		return nil, err
	}
	defer p.Close()
	content, err := io.ReadAll(p)
	if err != nil {
		return nil, b.fault(err, "NV-1004.workbook", "part", what)
	}
	return content, nil
}

// lookOf finds the places in a style sheet where red is added; nil where it is not one we can add to.
func lookOf(styles []byte) *look {
	if !bytes.Contains(styles, []byte(`"`+mainNS+`"`)) {
		return nil
	}
	l := &look{source: styles, fillAt: -1, xfAt: -1, reds: map[int]int{}}
	m := newMarkup(bytes.NewReader(styles), "styles.xml", 1<<20)
	for {
		from := int(m.d.InputOffset())
		t, err := m.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil
		}
		depth := len(m.open)
		switch t := t.(type) {
		case xml.StartElement:
			switch {
			case depth == 1 && t.Name.Space != "":
				l.prefix = t.Name.Space + ":"
			case t.Name.Local == "fill" && m.parent() == "fills" && depth == 3:
				l.fills++
			case t.Name.Local == "xf" && m.parent() == "cellXfs" && depth == 3:
				l.xfs = append(l.xfs, span{from: from, inside: int(m.d.InputOffset())})
			}
		case xml.EndElement:
			switch {
			case t.Name.Local == "fills" && depth == 1:
				l.fillAt = from
			case t.Name.Local == "cellXfs" && depth == 1:
				l.xfAt = from
			case t.Name.Local == "xf" && depth == 2 && len(l.xfs) > 0 && l.xfs[len(l.xfs)-1].to == 0:
				l.xfs[len(l.xfs)-1].to = int(m.d.InputOffset())
			}
		}
	}
	if l.fillAt < 0 || l.xfAt < l.fillAt || len(l.xfs) == 0 || !bytes.HasPrefix(styles[l.fillAt:], []byte("</")) || !bytes.HasPrefix(styles[l.xfAt:], []byte("</")) {
		return nil
	}
	return l
}

// red gives the style that is another in red.
func (l *look) red(style int) int {
	if style >= len(l.xfs) {
		style = 0
	}
	at, known := l.reds[style]
	if !known {
		at = len(l.xfs) + len(l.order)
		l.reds[style], l.order = at, append(l.order, style)
	}
	return at
}

// write writes the style sheet with the red styles in it. The numbers of elements, which are optional, are left out.
func (l *look) write(w io.Writer) error {
	var b bytes.Buffer
	b.Write(l.source[:l.fillAt])
	fmt.Fprintf(&b, `<%[1]sfill><%[1]spatternFill patternType="solid"><%[1]sfgColor rgb="FFFFC7CE"/><%[1]sbgColor indexed="64"/></%[1]spatternFill></%[1]sfill>`, l.prefix)
	b.Write(l.source[l.fillAt:l.xfAt])
	for _, style := range l.order {
		x := l.xfs[style]
		if err := l.redder(&b, l.source[x.from:x.inside], l.source[x.inside:x.to]); err != nil {
			return err
		}
	}
	b.Write(l.source[l.xfAt:])
	out := b.Bytes()
	for _, name := range []string{"fills", "cellXfs"} {
		out = withoutCount(out, l.prefix+name)
	}
	_, err := w.Write(out)
	return err
}

// redder writes a style with the red fill in the place of its own.
func (l *look) redder(b *bytes.Buffer, tag, inside []byte) error {
	d := xml.NewDecoder(bytes.NewReader(tag))
	t, err := d.RawToken()
	start, ok := t.(xml.StartElement)
	if err != nil || !ok {
		return mappings.Refuse(0, "NV-1004.workbook", "part", "styles.xml")
	}
	fmt.Fprintf(b, "<%sxf", l.prefix)
	for _, a := range start.Attr {
		if a.Name.Space != "" || a.Name.Local == "fillId" || a.Name.Local == "applyFill" {
			continue
		}
		fmt.Fprintf(b, ` %s="`, a.Name.Local)
		if err := xml.EscapeText(b, []byte(a.Value)); err != nil {
			return err
		}
		b.WriteByte('"')
	}
	fmt.Fprintf(b, ` fillId="%d" applyFill="1">`, l.fills)
	b.Write(bytes.TrimSuffix(bytes.TrimSpace(inside), []byte("</"+l.prefix+"xf>")))
	fmt.Fprintf(b, "</%sxf>", l.prefix)
	return nil
}

// withoutCount drops the count from an element's start tag.
func withoutCount(styles []byte, name string) []byte {
	at := bytes.Index(styles, []byte("<"+name))
	if at < 0 {
		return styles
	}
	end := bytes.IndexByte(styles[at:], '>')
	if end < 0 {
		return styles
	}
	tag := styles[at : at+end]
	from := bytes.Index(tag, []byte(" count="))
	if from < 0 || from+8 >= len(tag) {
		return styles
	}
	to := bytes.IndexByte(tag[from+8:], tag[from+7])
	if to < 0 {
		return styles
	}
	return append(append(append([]byte{}, styles[:at+from]...), tag[from+8+to+1:]...), styles[at+end:]...)
}
