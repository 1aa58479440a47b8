package xlsxfile

import (
	"bufio"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/navette-connect/navette/mappings"
)

// errXML is the kind of markup that no spreadsheet program writes: a document type (and so entities), nesting beyond
// reason, tags that do not match.
var errXML = errors.New("unusable markup")

const deepest = 64

// markup reads the tokens of one part. No token is longer than a bound, elements close as they open, and there is no
// document type: what encoding/xml does not bound by itself.
type markup struct {
	d    *xml.Decoder
	in   *byteCounter
	open []string
}

func newMarkup(r io.Reader, part string, longest int) *markup {
	in := &byteCounter{r: bufio.NewReaderSize(r, 64<<10), most: longest, part: part}
	return &markup{d: xml.NewDecoder(in), in: in}
}

// byteCounter bounds the bytes of one token.
type byteCounter struct {
	r       *bufio.Reader
	n, most int
	part    string
}

func (c *byteCounter) ReadByte() (byte, error) {
	if c.n++; c.n > c.most {
		return 0, mappings.Refuse(0, "NV-1003.expanded", "limit", strconv.Itoa(c.most), "part", c.part)
	}
	return c.r.ReadByte()
}

func (c *byteCounter) Read(p []byte) (int, error) { return c.r.Read(p) }

// next gives the next tag or text; io.EOF behind the last one. The token is good until the next call.
func (m *markup) next() (xml.Token, error) {
	for {
		m.in.n = 0
		t, err := m.d.RawToken()
		if err != nil {
			if errors.Is(err, io.EOF) && len(m.open) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if len(m.open) == deepest {
				return nil, fmt.Errorf("%w: too deep", errXML)
			}
			m.open = append(m.open, t.Name.Local)
			return t, nil
		case xml.EndElement:
			if n := len(m.open); n == 0 || m.open[n-1] != t.Name.Local {
				return nil, fmt.Errorf("%w: </%s>", errXML, t.Name.Local)
			}
			m.open = m.open[:len(m.open)-1]
			return t, nil
		case xml.CharData:
			return t, nil
		case xml.Directive:
			return nil, fmt.Errorf("%w: a document type", errXML)
		}
	}
}

// parent is the element that the last start tag stands in.
func (m *markup) parent() string {
	if n := len(m.open); n > 1 {
		return m.open[n-2]
	}
	return ""
}

// attr gives an attribute by its local name, "" where there is none; prefixed asks for one with a prefix (r:id).
func attr(t xml.StartElement, name string, prefixed bool) string {
	for _, a := range t.Attr {
		if a.Name.Local == name && (a.Name.Space != "") == prefixed {
			return a.Value
		}
	}
	return ""
}
