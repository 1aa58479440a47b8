package csvfile

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/text/encoding/charmap"

	"github.com/navette-connect/navette/mappings"
)

// corpusDir is the folder of files written by others, which are no part of the project: CORPUS_DIR.
func corpusDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("CORPUS_DIR")
	switch {
	case dir != "":
	case os.Getenv("CI") != "":
		t.Fatal("CORPUS_DIR is not set: CI must read the corpus")
	default:
		t.Skip("CORPUS_DIR is not set: the files written by others are not read")
	}
	return dir
}

// facts are what an independent script says of a corpus file.
type facts struct {
	Facts struct {
		Encoding, EOL, Delimiter string
		Rows                     int `json:"n_rows_nonempty"`
	}
}

// corpusDamage pins what is wrong with corpus files, as show tells it of single records, or of the file.
func corpusDamage() map[string]string {
	const pollock = "hpi-information-systems-pollock__polluted_files_csv_"
	return map[string]string{
		pollock + "file_escape_char_0x5C.csv":    "NV-1103", // \" inside quotes, which no mapping can declare
		pollock + "file_multitable_less.csv":     "NV-1103", // the second table quotes other cells, and one of them badly
		pollock + "file_no_payload.csv":          "file!NV-1001",
		pollock + "file_quotation_char_0x27.csv": "NV-1103", // apostrophes inside words, not doubled
		pollock + "row_extra_quote0_col1.csv":    "NV-1103",
		pollock + "row_extra_quote10_col3.csv":   "NV-1103",

		"max-mapper-csv-spectrum__csvs_location_coordinates.csv": "NV-1103", // minutes and seconds of a place; lazy_quotes reads them
	}
}

// declared is how a careful person would declare a corpus file.
func declared(name string, f facts) mappings.Source {
	s := source(func(s *mappings.Source) {
		s.Encoding = strings.TrimSuffix(f.Facts.Encoding, "-bom")
		s.OpenEnd = true // much of it is written without a last line end
		switch f.Facts.Encoding {
		case "ascii":
			s.Encoding = "utf-8"
		case "single-byte (cp1252 assumed)":
			s.Encoding = "windows-1252"
		}
		if d := []rune(f.Facts.Delimiter); len(d) == 1 {
			s.Delimiter = d[0]
		}
		if strings.Contains(name, "quotation_char_0x27") {
			s.Quote = '\''
		}
	})
	return s
}

// independent reads with the standard library: text decoded, bare CR made LF, cells split by encoding/csv. ok is false
// where encoding/csv refuses the file.
func independent(b []byte, s mappings.Source) (rows [][]string, ok bool) {
	switch s.Encoding {
	case "utf-16le":
		units := make([]uint16, len(b)/2)
		for i := range units {
			units[i] = uint16(b[2*i]) | uint16(b[2*i+1])<<8
		}
		b = []byte(string(utf16.Decode(units)))
	case "windows-1252":
		b, _ = charmap.Windows1252.NewDecoder().Bytes(b)
	}
	b = bytes.TrimPrefix(b, []byte("\ufeff"))
	if !bytes.Contains(b, []byte("\n")) {
		b = bytes.ReplaceAll(b, []byte("\r"), []byte("\n"))
	}
	if s.Quote != '"' {
		if bytes.Contains(b, []byte(`"`)) {
			return nil, false
		}
		b = bytes.ReplaceAll(b, []byte(string(s.Quote)), []byte(`"`))
	}
	r := csv.NewReader(bytes.NewReader(b))
	r.Comma, r.FieldsPerRecord = s.Delimiter, -1
	for {
		row, err := r.Read()
		if err == io.EOF {
			return rows, true
		}
		if err != nil {
			return nil, false
		}
		rows = append(rows, row)
	}
}

// read gives the cells of a file, and what is said of what could not be read, as show writes it.
func read(t *testing.T, b []byte, s mappings.Source) (rows [][]string, damage string) {
	t.Helper()
	table, err := open(t, string(b), s)
	if err != nil {
		return nil, "file!" + code(err)
	}
	var said []string
	for rec, err := range table.Records() {
		var row *mappings.RowError
		switch {
		case errors.As(err, &row):
			said = append(said, row.Problem.Code)
		case err != nil:
			said = append(said, "file!"+code(err))
		case !rec.Blank && !rec.Comment:
			rows = append(rows, slices.Clone(rec.Cells))
		}
	}
	return rows, strings.Join(slices.Compact(said), " ")
}

// TestCorpus reads files that nobody here wrote: each cell as an independent reader finds it, or a refusal by name.
func TestCorpus(t *testing.T) {
	dir := corpusDir(t)
	files, err := filepath.Glob(filepath.Join(dir, "csv", "*"))
	if err != nil || len(files) < 40 {
		t.Fatalf("%d files under %s (%v), want 40", len(files), dir, err)
	}
	used := map[string]bool{}
	for _, path := range files {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			b := slurp(t, path)
			var f facts
			if err := json.Unmarshal(slurp(t, filepath.Join(dir, "expected", "csv", name+".json")), &f); err != nil {
				t.Fatal(err)
			}
			s := declared(name, f)
			rows, damage := read(t, b, s)
			if want := corpusDamage()[name]; damage != want {
				t.Errorf("said %q, want %q", damage, want)
			}
			used[name] = true
			if damage != "" {
				if rows, ok := independent(b, s); ok && len(rows) > 0 {
					t.Error("refused, while encoding/csv reads it")
				}
				if strings.Contains(name, "location_coordinates") {
					s.Lazy = true
					if rows, damage = read(t, b, s); damage != "" || len(rows) != f.Facts.Rows || len(rows[1]) != 4 { // its golden is of another place
						t.Errorf("lazily: %q, said %q", rows, damage)
					}
				}
				return
			}
			want, ok := independent(b, s)
			if !ok {
				t.Fatal("read without a word, while encoding/csv refuses it")
			}
			equalRows(t, rows, want)
			if len(rows) != f.Facts.Rows && f.Facts.Rows > 0 {
				t.Errorf("%d rows, want %d", len(rows), f.Facts.Rows)
			}
			golden(t, filepath.Join(dir, "expected", "csv", name), rows)
		})
	}
	for name := range corpusDamage() {
		if !used[name] {
			t.Errorf("%s is no file of the corpus", name)
		}
	}
}

// golden compares with what the files' own authors expect, where they say it.
func golden(t *testing.T, base string, rows [][]string) {
	t.Helper()
	b, err := os.ReadFile(base + ".peer.json")
	if err != nil {
		return
	}
	var want []map[string]string
	if b = bytes.TrimSpace(b); b[0] == '{' { // one row
		b = slices.Concat([]byte("["), b, []byte("]"))
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(want)+1 {
		t.Fatalf("%d rows, want titles and %d", len(rows), len(want))
	}
	for i, object := range want {
		for j, title := range rows[0] {
			if rows[i+1][j] != object[title] {
				t.Errorf("row %d, %s: %q, want %q", i+1, title, rows[i+1][j], object[title])
			}
		}
	}
}

func equalRows(t *testing.T, got, want [][]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for i := range got {
		// encoding/csv makes CRLF inside quotes LF; the file's own line end is kept here.
		same := func(a, b string) bool { return strings.ReplaceAll(a, "\r\n", "\n") == b }
		if !slices.EqualFunc(got[i], want[i], same) {
			t.Errorf("row %d: %q, want %q", i+1, got[i], want[i])
		}
	}
}

func slurp(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestCases reads the cases of another reader's own tests: the cells that it expects where it reads without an error,
// a word about the damage where it has one. Where that reader guesses, nothing is asked.
func TestCases(t *testing.T) {
	b := slurp(t, filepath.Join(corpusDir(t), "expected", "csv", "papaparse-cases.json"))
	var file struct {
		Core []papaCase `json:"CORE_PARSER_TESTS"`
		More []papaCase `json:"PARSE_TESTS"`
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, c := range slices.Concat(file.Core, file.More) {
		s, ok := c.source()
		if !ok {
			continue
		}
		asked++
		rows, damage := read(t, []byte(c.Input), s)
		switch {
		case len(c.Expected.Errors) > 0 || damage != "":
			want := "NV-1103"
			switch {
			case c.Input == "":
				want = "file!NV-1001"
			case strings.HasSuffix(c.Description, "has no closing quote"):
				want = "file!NV-1005?"
			case !strings.Contains(c.Description, "uote") && !strings.Contains(c.Input, `"`):
				want = "" // an error of guessing
			}
			if damage != want {
				t.Errorf("%s: %q gives %q and said %q, want %q", c.Description, c.Input, rows, damage, want)
			}
		default:
			var want [][]string
			for _, row := range c.Expected.Data {
				if len(row) > 1 || row[0] != "" { // a blank line is no row
					want = append(want, row)
				}
			}
			if !slices.EqualFunc(rows, want, slices.Equal) {
				t.Errorf("%s: %q gives %q, want %q", c.Description, c.Input, rows, want)
			}
		}
	}
	if asked < 50 {
		t.Errorf("%d cases were asked, want 50", asked)
	}
}

type papaCase struct {
	Description string
	Input       string
	Config      json.RawMessage
	Expected    struct {
		Data   rowsOfText
		Errors []any
	}
}

// rowsOfText are rows of cells; nil where a case expects anything else (objects, numbers).
type rowsOfText [][]string

func (r *rowsOfText) UnmarshalJSON(b []byte) error {
	var rows [][]string
	if json.Unmarshal(b, &rows) == nil {
		*r = rows
	}
	return nil
}

// source declares what a case configures; false where this reader has no such setting.
func (c papaCase) source() (mappings.Source, bool) {
	config := map[string]any{}
	if len(c.Config) > 0 && json.Unmarshal(c.Config, &config) != nil || c.Expected.Data == nil ||
		strings.Contains(c.Description, "guessed") || // a delimiter is declared here
		strings.HasPrefix(c.Description, "Mixed slash n and slash r") { // every line end ends a line here
		return mappings.Source{}, false
	}
	ok := true
	s := source(func(s *mappings.Source) {
		s.Delimiter, s.OpenEnd = ',', true
		for key, v := range config {
			text, isText := v.(string)
			one := []rune(text)
			switch {
			case key == "delimiter" && len(one) == 1 && text != "\n":
				s.Delimiter = one[0]
			case key == "quoteChar" && len(one) == 1:
				s.Quote = one[0]
			case key == "comments" && isText:
				s.Comment = text
			case key == "comments" && v == true:
				s.Comment = "#"
			case key == "skipEmptyLines" && v == true:
			default:
				ok = false
			}
		}
	})
	return s, ok
}
