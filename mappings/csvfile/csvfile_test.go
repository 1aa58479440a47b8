package csvfile

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/navette-connect/navette/mappings"
)

// source is the plainest declaration; tests change what they are about.
func source(change func(*mappings.Source)) mappings.Source {
	s := mappings.Source{Format: "csv", Encoding: "utf-8", Delimiter: ';', Quote: '"', MaxBytes: mappings.DefaultMaxBytes,
		MaxCell: mappings.DefaultMaxCell, MaxRows: mappings.DefaultMaxRows}
	if change != nil {
		change(&s)
	}
	return s
}

func spooled(content string) mappings.Spooled {
	return mappings.Spooled{ReaderAt: strings.NewReader(content), Size: int64(len(content)), Name: "x.csv"}
}

func open(t testing.TB, content string, s mappings.Source) (mappings.Table, error) {
	t.Helper()
	f, err := New(s)
	if err != nil {
		t.Fatalf("New(%+v): %v", s, err)
	}
	return f.Open(spooled(content))
}

// show writes records as "line:cell|cell", blank lines as "line:", spoilt ones as "line!code".
func show(t testing.TB, content string, s mappings.Source) string {
	t.Helper()
	table, err := open(t, content, s)
	if err != nil {
		return "file!" + code(err)
	}
	var out []string
	for rec, err := range table.Records() {
		var row *mappings.RowError
		switch {
		case errors.As(err, &row):
			out = append(out, fmt.Sprintf("%d!%s", row.Line, row.Problem.Code))
		case err != nil:
			out = append(out, "file!"+code(err))
		case rec.Comment:
			out = append(out, fmt.Sprintf("%d#", rec.Line))
		case rec.Blank:
			out = append(out, fmt.Sprintf("%d:", rec.Line))
		default:
			out = append(out, fmt.Sprintf("%d:%s", rec.Line, strings.Join(rec.Cells, "|")))
		}
	}
	return strings.Join(out, " ")
}

func code(err error) string {
	var file *mappings.FileError
	if !errors.As(err, &file) {
		return err.Error()
	}
	if file.Incomplete {
		return file.Problem.Code + "?"
	}
	return file.Problem.Code
}

func TestRecords(t *testing.T) {
	lazy := func(s *mappings.Source) { s.Lazy = true }
	openEnd := func(s *mappings.Source) { s.OpenEnd = true }
	noQuote := func(s *mappings.Source) { s.Quote = 0 }
	tests := []struct {
		name, in string
		change   func(*mappings.Source)
		want     string
	}{
		{"plain", "a;b\n1;2\n", nil, "1:a|b 2:1|2"},
		{"CRLF", "a;b\r\n1;2\r\n", nil, "1:a|b 2:1|2"},
		{"CR alone", "a;b\r1;2\r", nil, "1:a|b 2:1|2"},
		{"mixed line ends", "a\r\nb\nc\rd\r\n", nil, "1:a 2:b 3:c 4:d"},
		{"blank lines count", "a;b\n\n\r\n1;2\n", nil, "1:a|b 2: 3: 4:1|2"},
		{"empty cells", ";;\n;\n", nil, "1:|| 2:|"},
		{"quoted delimiter", "\"a;b\";c\n", nil, "1:a;b|c"},
		{"quoted quote", "\"a \"\"b\"\"\";c\n", nil, "1:a \"b\"|c"},
		{"only quotes", "\"\";\"\"\"\"\n", nil, "1:|\""},
		{"line breaks inside", "a;\"x\ny\r\nz\rw\"\nb;c\n", nil, "1:a|x\ny\r\nz\rw 5:b|c"},
		{"bare quote", "a;24\" écran\nb;c\n", nil, "1!NV-1103 2:b|c"},
		{"bare quote, lazy", "a;24\" écran\nb;c\n", lazy, "1:a|24\" écran 2:b|c"},
		{"text behind a quote", "a;\"x\"y;z\nb;c\n", nil, "1!NV-1103 2:b|c"},
		{"text behind a quote, lazy", "a;\"x\"y\";z\nb;c\n", lazy, "1:a|x\"y|z 2:b|c"},
		{"a name in quotes begins a cell, lazy", "1;\"Le Nord\" hôtel;120\n2;B;50\n3;\"Sud\";30\n4;\"a;b\";7\n", lazy, "1:1|\"Le Nord\" hôtel|120 2:2|B|50 3:3|Sud|30 4:4|a;b|7"},
		{"a stray quote finds a mate lines below, lazy", "a;\"x\nb;c\nd;\"e\"\nf;g\n", lazy, "1:a|\"x 2:b|c 3:d|e 4:f|g"},
		{"text behind a quote at the end, lazy", "a;\"x\" y", func(s *mappings.Source) { s.Lazy, s.OpenEnd = true, true }, "1:a|\"x\" y"},
		{"text behind a quote before an empty end, lazy", "a;\"x\" y;\n", lazy, "1:a|\"x\" y|"},
		{"a stray quote finds a mate lines below", "a;\"x\nb;c\nd;\"e\"\nf;g\n", nil, "1!NV-1103 2!NV-1103 3!NV-1103 4:f|g"},
		{"quote never closed", "a;b\nc;\"d\ne;f\n", nil, "file!NV-1005?"},
		{"quotes ordinary", "a;24\"\n\"b;c\n", noQuote, "1:a|24\" 2:\"b|c"},
		{"last line open", "a;b\n1;2", nil, "file!NV-1005?"},
		{"last line open, allowed", "a;b\n1;2", openEnd, "1:a|b 2:1|2"},
		{"last line open, last cell empty, allowed", "a;b\n1;", openEnd, "1:a|b 2:1|"},
		{"last line open, last cell quoted and closed", "a;b\n1;\"2\"", nil, "1:a|b 2:1|2"},
		{"last line open, quote looks closed", "a;b\n1;\"2;\"", nil, "1:a|b 2:1|2;"},
		{"last line open, an escaped quote last", "a;b\n1;\"2\"\"", nil, "file!NV-1005?"},
		{"unclosed, ends in a quote", "a;\"b\"\n1;x\"", nil, "1:a|b 2!NV-1103"},
		{"open line, end mark", "a;b\n1;2\x1a", nil, "1:a|b 2:1|2"},
		{"end marks", "a;b\r\n1;2\r\n\x1a\x1a\r\n", nil, "1:a|b 2:1|2"},
		{"empty", "", nil, "file!NV-1001"},
		{"only an end mark", "\x1a", nil, "file!NV-1001"},
		{"only a mark of order", "\xef\xbb\xbf", nil, "file!NV-1001"},
		{"mark of order", "\xef\xbb\xbfa;b\n", nil, "1:a|b"},
		{"NUL", "a;b\n1;\x002\n", nil, "file!NV-1004"},
		{"not UTF-8", "a;b\nLef\xe8vre;2\n", nil, "file!NV-1002"},
		{"cut in a character", "a;b\nLef\xc3", nil, "file!NV-1005?"},
		{"zip", "PK\x03\x04xxxxxxxxx", nil, "file!NV-1007"},
		{"pdf", "%PDF-1.7\n", nil, "file!NV-1007"},
		{"xls", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", nil, "file!NV-1007"},
		{"gzip", "\x1f\x8b\x08\x00", nil, "file!NV-1007"},
		{"UTF-16 without a mark", "a\x00;\x00b\x00\n\x00", nil, "file!NV-1002"},
		{"UTF-16 with a mark", "\xff\xfea\x00;\x00b\x00\n\x00", nil, "file!NV-1002"},
		{"comments", "##a;\"\nb;c\n##\n", func(s *mappings.Source) { s.Comment = "##" }, "1# 2:b|c 3#"},
		{"no delimiter", "a;b\n\"c\"\n", func(s *mappings.Source) { s.Delimiter = 0 }, "1:a;b 2:c"},
		{"long delimiter", "a§b\n\"c§\"§d\n", func(s *mappings.Source) { s.Delimiter = '§' }, "1:a|b 2:c§|d"},
		{"tab", "a\tb\n", func(s *mappings.Source) { s.Delimiter = '\t' }, "1:a|b"},
		{"single quotes", "'a;b';c\n", func(s *mappings.Source) { s.Quote = '\'' }, "1:a;b|c"},
		{"cell too large", "a;bbbbbbbbb\n", func(s *mappings.Source) { s.MaxCell = 8 }, "file!NV-1003"},
		{"file too large", "a;bbbbbbbbb\n", func(s *mappings.Source) { s.MaxBytes = 8 }, "file!NV-1003"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := show(t, tt.in, source(tt.change)); got != tt.want {
				t.Errorf("records of %q\n got %s\nwant %s", tt.in, got, tt.want)
			}
		})
	}
}

// Every way a record may lie across the window's edge must read alike.
func TestWindowEdges(t *testing.T) {
	for _, ending := range []string{"\n", "\r\n", "\r"} {
		for pad := firstWindow - 24; pad < firstWindow+4; pad++ {
			for _, row := range []string{`é;b;c`, `"x;""y";z`, `"l` + ending + `m";n`, `;;`} {
				in := strings.Repeat("p", pad) + ending + row + ending + row + ending
				lines := strings.Count(row, ending) + 1
				cells := strings.Count(show(t, row+ending, source(nil)), "|") + 1
				table, err := open(t, in, source(nil))
				if err != nil {
					t.Fatalf("pad %d, row %q: %v", pad, row, err)
				}
				n := 0
				for rec, err := range table.Records() {
					if err != nil {
						t.Fatalf("pad %d, row %q, ending %q: %v", pad, row, ending, err)
					}
					if n > 0 && (len(rec.Cells) != cells || string(rec.Raw) != row || rec.Line != 2+(n-1)*lines) {
						t.Fatalf("pad %d, row %q, ending %q: record %d = line %d, %q", pad, row, ending, n, rec.Line, rec.Cells)
					}
					n++
				}
				if n != 3 {
					t.Fatalf("pad %d, row %q, ending %q: %d records, want 3", pad, row, ending, n)
				}
			}
		}
	}
}

func TestEncodings(t *testing.T) {
	const text = "n°;Échéance;café\r\n\"1 ; \"\"é\"\"\";ç\nà;où ê\r\n"
	want := "1:n°|Échéance|café 2:1 ; \"é\"|ç 3:à|où ê"
	for _, name := range mappings.Charsets() {
		charset, err := mappings.NewCharset(name)
		if err != nil {
			t.Fatal(err)
		}
		body, lost := charset.Encode(nil, text)
		if lost > 0 {
			t.Fatalf("%s lacks %d characters of the sample", name, lost)
		}
		for _, bom := range [][]byte{nil, charset.Mark()} {
			in := string(bom) + string(body)
			if got := show(t, in, source(func(s *mappings.Source) { s.Encoding = name })); got != want {
				t.Errorf("%s, mark % x:\n got %s\nwant %s", name, bom, got, want)
			}
			table, err := open(t, in, source(func(s *mappings.Source) { s.Encoding = name }))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			checkRaw(t, name, in, table)
			d := table.Dialect()
			if d.Encoding != name || d.BOM != (len(bom) > 0) || d.Newline != "\r\n" {
				t.Errorf("%s: dialect %+v", name, d)
			}
		}
	}
}

// checkRaw holds that raw bytes and their line ends are the whole file.
func checkRaw(t testing.TB, name, in string, table mappings.Table) {
	t.Helper()
	end := int64(0)
	for rec, err := range table.Records() {
		raw := rec.Raw
		var row *mappings.RowError
		if errors.As(err, &row) {
			raw, rec.End = row.Raw, row.End
		} else if err != nil {
			return
		}
		if end > rec.End || rec.End > int64(len(in)) || !strings.Contains(in[end:rec.End], string(raw)) {
			t.Fatalf("%s: record of line %d: raw % x is not in the source's bytes %d to %d", name, rec.Line, raw, end, rec.End)
		}
		if rest := int64(len(in)) - rec.End; rest < 0 {
			t.Fatalf("%s: End %d is behind the file", name, rec.End)
		}
		end = rec.End
	}
}

func TestNELEndsLinesOfEBCDIC(t *testing.T) {
	charset, err := mappings.NewCharset("cp1147")
	if err != nil {
		t.Fatal(err)
	}
	in, _ := charset.Encode(nil, "numéro;prix €\u0085A1;\"x\u0085y\"\u0085B2;z\u0085")
	s := source(func(s *mappings.Source) { s.Encoding = "cp1147" })
	if got, want := show(t, string(in), s), "1:numéro|prix € 2:A1|x\u0085y 4:B2|z"; got != want {
		t.Errorf("records of % x\n got %q\nwant %q", in, got, want)
	}
	table, err := open(t, string(in), s)
	if err != nil {
		t.Fatal(err)
	}
	if d := table.Dialect(); d.Newline != "\u0085" {
		t.Errorf("newline %q, want NEL", d.Newline)
	}
}

func TestAuto(t *testing.T) {
	tests := []struct{ in, encoding, want string }{
		{"a;é\n", "utf-8", "1:a|é"},
		{"a;b\n", "utf-8", "1:a|b"},
		{"\xef\xbb\xbfa;é\n", "utf-8", "1:a|é"},
		{"a;Lef\xe8vre\n", "windows-1252", "1:a|Lefèvre"},
		{"\xff\xfea\x00;\x00\xe9\x00\n\x00", "utf-16le", "1:a|é"},
		{"\xfe\xff\x00a\x00;\x00\xe9\x00\n", "utf-16be", "1:a|é"},
		{strings.Repeat("a;b\n", 30000) + "a;\x80\n", "windows-1252", ""}, // the sign stands far behind the sample
	}
	for _, tt := range tests {
		s := source(func(s *mappings.Source) { s.Encoding = "auto" })
		table, err := open(t, tt.in, s)
		if err != nil {
			t.Errorf("%.20q: %v", tt.in, err)
			continue
		}
		if got := table.Dialect().Encoding; got != tt.encoding {
			t.Errorf("%.20q: encoding %s, want %s", tt.in, got, tt.encoding)
		}
		if got := show(t, tt.in, s); tt.want != "" && got != tt.want {
			t.Errorf("%.20q: records %s, want %s", tt.in, got, tt.want)
		}
	}
}

func TestWrongEncodingHints(t *testing.T) {
	encode := func(name, text string) string {
		charset, err := mappings.NewCharset(name)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := charset.Encode(nil, text)
		return string(b)
	}
	const text = "Boulangerie Lefèvre;échéance;1234,56\r\nDépôt à Nîmes, modèle déposé;x;1\r\n"
	tests := []struct{ declared, real string }{
		{"windows-1252", "utf-8"}, {"iso-8859-15", "utf-8"}, {"cp850", "utf-8"}, {"macintosh", "utf-8"},
		{"utf-8", "windows-1252"}, {"utf-8", "cp850"}, {"windows-1252", "cp850"}, {"cp850", "windows-1252"}, {"iso-8859-15", "cp850"},
		{"utf-8", "utf-16le"}, {"windows-1252", "utf-16le"}, {"windows-1252", "utf-16be"}, {"utf-16le", "utf-8"}, {"utf-16le", "utf-16be"},
		{"windows-1252", "cp297"}, {"utf-8", "cp297"}, {"cp297", "windows-1252"}, {"cp297", "utf-8"},
	}
	for _, tt := range tests {
		_, err := open(t, encode(tt.real, text), source(func(s *mappings.Source) { s.Encoding = tt.declared }))
		var file *mappings.FileError
		if !errors.As(err, &file) || file.Problem.Code != "NV-1002" {
			t.Errorf("%s declared, %s read: %v, want NV-1002", tt.declared, tt.real, err)
			continue
		}
		if !slices.Contains(file.Problem.Text.Args, tt.real) {
			t.Errorf("%s declared, %s read: %v %q, want the hint %s", tt.declared, tt.real, file.Problem.Text.Key, file.Problem.Text.Args, tt.real)
		}
	}
	euro := "a;12 \x80\r\nl\x92\xe9cole;b\r\n"
	if _, err := open(t, euro, source(func(s *mappings.Source) { s.Encoding = "iso-8859-15" })); err == nil || code(err) != "NV-1002" {
		t.Errorf("windows-1252 read as iso-8859-15: %v, want NV-1002", err)
	}
	if _, err := open(t, euro, source(func(s *mappings.Source) { s.Encoding = "windows-1252" })); err != nil {
		t.Errorf("windows-1252: %v", err)
	}
}

// vast is a file that stands nowhere: a head, a filling and a tail.
type vast struct {
	head, tail string
	fill       byte
	size       int64
}

func (v vast) ReadAt(b []byte, off int64) (int, error) {
	n := 0
	for ; n < len(b) && off < v.size; n, off = n+1, off+1 {
		switch {
		case off < int64(len(v.head)):
			b[n] = v.head[off]
		case off >= v.size-int64(len(v.tail)):
			b[n] = v.tail[off-(v.size-int64(len(v.tail)))]
		default:
			b[n] = v.fill
		}
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func TestHostileFilesKeepMemoryBounded(t *testing.T) {
	tests := []struct {
		name string
		file vast
		want string
	}{
		{"64 MB in a quote never closed", vast{"a;b\nc;\"", "\n", 'x', 64 << 20}, "NV-1003"},
		{"64 MB of lines in a quote never closed", vast{"a;b\nc;\"", "z\n", '\n', 64 << 20}, "NV-1003"},
		{"a cell of 5 MB", vast{"a;b\n", ";c\n", 'x', 5 << 20}, "NV-1003"},
		{"one line of 64 MB", vast{"a;b\n", "\n", 'x', 64 << 20}, "NV-1003"},
		{"one line of 64 MB of empty cells", vast{"a;b\n", "\n", ';', 64 << 20}, "NV-1003"},
		{"64 MB of NUL", vast{"a;b\n", "\n", 0, 64 << 20}, "NV-1004"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := New(source(nil))
			if err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			table, err := f.Open(mappings.Spooled{ReaderAt: tt.file, Size: tt.file.size})
			if err == nil {
				for _, err = range table.Records() {
				}
			}
			runtime.ReadMemStats(&after)
			if err == nil || code(err) != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
				t.Errorf("%d bytes allocated", grown)
			}
		})
	}
}

func TestCut(t *testing.T) {
	tests := []struct {
		raw  string
		n    int
		want string
	}{
		{"a;b;c", 2, "a;b"}, {"a;b;c", 3, "a;b;c"}, {"a;b;c", 9, "a;b;c"}, {`a;"b;x";c`, 2, `a;"b;x"`}, {`a;b;"c"`, 2, "a;b"},
		{`"a";"b";"c"`, 1, `"a"`}, {"a;;", 2, "a;"}, {";;", 1, ""},
	}
	for _, name := range []string{"utf-8", "utf-16le"} {
		charset, _ := mappings.NewCharset(name)
		file, _ := charset.Encode(nil, "x\n")
		table, err := open(t, string(file), source(func(s *mappings.Source) { s.Encoding = name }))
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range tests {
			raw, _ := charset.Encode(nil, tt.raw)
			want, _ := charset.Encode(nil, tt.want)
			if got := table.(mappings.Cutter).Cut(raw, tt.n); !bytes.Equal(got, want) {
				t.Errorf("%s: Cut(%q, %d) = %q, want %q", name, tt.raw, tt.n, got, want)
			}
		}
	}
}

// FuzzRecords: never panics, every byte belongs to one record, lines are true, and what encoding/csv reads without
// complaint reads the same here.
func FuzzRecords(f *testing.F) {
	for _, s := range []string{"a;b\n1;2\n", "a;\"b\nc\"\r\nd;e", "\"\"\"\";x\ry\n\n", "a;b\"c\n", "\xef\xbb\xbfé;\"\n", "#x\n\x1a"} {
		f.Add(s, "utf-8", false)
		f.Add(s, "windows-1252", true)
		f.Add(s, "utf-16le", false)
	}
	f.Fuzz(func(t *testing.T, in, encoding string, lazy bool) {
		if !slices.Contains(mappings.Charsets(), encoding) {
			encoding = "auto"
		}
		s := source(func(s *mappings.Source) { s.Encoding, s.Lazy, s.OpenEnd = encoding, lazy, true })
		table, err := open(t, in, s)
		if err != nil {
			return
		}
		checkRaw(t, encoding, in, table)
		var got [][]string
		line, clean := 1, true
		for rec, err := range table.Records() {
			var row *mappings.RowError
			if errors.As(err, &row) {
				rec.Line, rec.End, clean = row.Line, row.End, false
			} else if err != nil {
				return
			}
			if rec.Line != line {
				t.Fatalf("record %d of %q stands on line %d, want %d", len(got), in, rec.Line, line)
			}
			line = 1 + countBreaks(in[:rec.End], table.Dialect().Encoding)
			if !rec.Blank && err == nil {
				got = append(got, slices.Clone(rec.Cells))
			}
		}
		if encoding != "utf-8" || lazy || !clean || strings.ContainsAny(in, "\r\x1a") || strings.HasPrefix(in, "\xef") {
			return
		}
		r := csv.NewReader(strings.NewReader(in))
		r.Comma, r.FieldsPerRecord = ';', -1
		if want, err := r.ReadAll(); err == nil && fmt.Sprint(want) != fmt.Sprint(got) {
			t.Errorf("%q\n got %q\nwant %q", in, got, want)
		}
	})
}

func countBreaks(s, encoding string) int {
	charset, err := mappings.NewCharset(encoding)
	if err != nil {
		return -1
	}
	text := string(charset.AppendDecoded(nil, []byte(s)))
	text = strings.ReplaceAll(text, "\r\n", "\n")
	n := strings.Count(text, "\n") + strings.Count(text, "\r")
	if !charset.ASCII() && !charset.Wide() {
		n += strings.Count(text, "\u0085")
	}
	return n
}
