package mappings_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/navette-connect/navette/mappings"
)

// zipped is an archive of named parts, in order: name, content.
func zipped(t testing.TB, parts ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(parts); i += 2 {
		f, err := w.CreateHeader(&zip.FileHeader{Name: parts[i], Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(parts[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// compoundFile is the beginning of an OLE2 file with one named stream in its directory.
func compoundFile(stream string) string {
	b := make([]byte, 1536)
	copy(b, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
	binary.LittleEndian.PutUint16(b[30:], 9)
	binary.LittleEndian.PutUint32(b[48:], 1)
	for i, u := range utf16.Encode([]rune(stream)) {
		binary.LittleEndian.PutUint16(b[1024+2*i:], u)
	}
	return string(b)
}

func TestSniff(t *testing.T) {
	tests := []struct{ name, in, kind, detail string }{
		{"csv", "a;b\n1;2\n", "", ""},
		{"empty", "", "", ""},
		{"text about PK", "PK;x\n", "", ""},
		{"xlsx", zipped(t, "[Content_Types].xml", "", "xl/workbook.xml", ""), "xlsx", ""},
		{"xlsx, backslashes", zipped(t, "xl\\workbook.xml", ""), "xlsx", ""},
		{"xlsb", zipped(t, "[Content_Types].xml", "", "xl/workbook.bin", ""), "xlsb", ""},
		{"docx", zipped(t, "[Content_Types].xml", "", "word/document.xml", ""), "document", ""},
		{"pptx", zipped(t, "ppt/presentation.xml", ""), "document", ""},
		{"ods", zipped(t, "mimetype", "application/vnd.oasis.opendocument.spreadsheet", "content.xml", ""), "ods", ""},
		{"odt", zipped(t, "mimetype", "application/vnd.oasis.opendocument.text"), "document", ""},
		{"numbers", zipped(t, "Index/Document.iwa", ""), "numbers", ""},
		{"zip", zipped(t, "export.csv", "a;b\n"), "zip", ""},
		{"empty zip", zipped(t), "zip", ""},
		{"cut zip", zipped(t, "xl/workbook.xml", strings.Repeat("x", 5000))[:2000], "zip", ""},
		{"xls", compoundFile("Workbook"), "xls", ""},
		{"older xls", compoundFile("Book"), "xls", ""},
		{"encrypted", compoundFile("EncryptedPackage"), "encrypted", ""},
		{"doc", compoundFile("WordDocument"), "document", ""},
		{"another OLE2 file", compoundFile("Contents"), "ole", ""},
		{"its first bytes alone", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "xls", ""},
		{"a directory that is not there", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + strings.Repeat("\xff", 600), "xls", ""},
		{"pdf", "%PDF-1.7\n", "pdf", ""},
		{"rtf", "{\\rtf1 x}", "document", "RTF"},
		{"png", "\x89PNG\r\n\x1a\nxxxx", "image", "PNG"},
		{"jpeg", "\xff\xd8\xff\xe0xxxx", "image", "JPEG"},
		{"gif", "GIF89axxxx", "image", "GIF"},
		{"tiff", "II*\x00xxxx", "image", "TIFF"},
		{"webp", "RIFF\x00\x00\x00\x00WEBPVP8 ", "image", "WebP"},
		{"gzip", "\x1f\x8b\x08xxxx", "packed", "gzip"},
		{"7z", "7z\xbc\xaf\x27\x1cxx", "packed", "7z"},
		{"bzip2", "BZh91AY&SYxxxxxxxx", "packed", "bzip2"},
		{"html", "\ufeff\r\n <HTML xmlns:x=\"urn\"><table>", "html", ""},
		{"table", "<table border=1>", "html", ""},
		{"XML 2003", "<?xml version=\"1.0\"?>\n<?mso-application progid=\"Excel.Sheet\"?>", "xml", ""},
		{"other XML is text", "<?xml version=\"1.0\"?><Document/>", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src := mappings.Spooled{ReaderAt: strings.NewReader(tt.in), Size: int64(len(tt.in))}
			kind, detail, err := mappings.Sniff(src)
			if kind != tt.kind || detail != tt.detail || err != nil {
				t.Fatalf("Sniff(%q…) = %q, %q, %v, want %q, %q", tt.in[:min(20, len(tt.in))], kind, detail, err, tt.kind, tt.detail)
			}
			for _, workbook := range []bool{false, true} {
				if kind == mappings.FileText && !workbook || kind == mappings.FileXLSX && workbook {
					continue
				}
				// A sentence that the catalogue lacks would show its key.
				for _, lang := range []string{"fr", "en"} {
					if s := mappings.RefuseKind(kind, detail, workbook).(*mappings.FileError).Problem.Text.In(lang); len(s) < 20 || strings.Contains(s, "NV-1007") || strings.Contains(s, "{") {
						t.Errorf("refusal in %s: %q", lang, s)
					}
				}
			}
		})
	}
}
