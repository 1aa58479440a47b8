package mappings

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
)

// Kinds of files that Sniff tells apart.
const (
	FileText = ""     // perhaps a text: no sign of anything else
	FileXLSX = "xlsx" // a workbook of Office Open XML, with macros or without
)

// Sniff names what a file is by its content, whatever its name says: FileText, FileXLSX, or the part behind the dot of
// a sentence of NV-1007 ("xls", "encrypted", "ods", "pdf"…), detail filled where the sentence has one. Only the first
// bytes and, of archives, the directory are read. The error is the reader's.
func Sniff(src Spooled) (kind, detail string, err error) {
	head := make([]byte, min(src.Size, 4096))
	if err := readFull(src, head, 0); err != nil {
		return "", "", err
	}
	for _, f := range [...]struct{ magic, kind, detail string }{
		{"%PDF-", "pdf", ""}, {"{\\rtf", "document", "RTF"},
		{"\x89PNG\r\n\x1a\n", "image", "PNG"}, {"\xff\xd8\xff", "image", "JPEG"}, {"GIF87a", "image", "GIF"}, {"GIF89a", "image", "GIF"},
		{"II*\x00", "image", "TIFF"}, {"MM\x00*", "image", "TIFF"},
		{"\x1f\x8b", "packed", "gzip"}, {"7z\xbc\xaf\x27\x1c", "packed", "7z"}, {"Rar!\x1a\x07", "packed", "rar"}, {"\xfd7zXZ\x00", "packed", "xz"},
		{"\x28\xb5\x2f\xfd", "packed", "zstd"}, {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "xls", ""}, {"PK\x03\x04", "zip", ""}, {"PK\x05\x06", "zip", ""},
	} {
		if !bytes.HasPrefix(head, []byte(f.magic)) {
			continue
		}
		switch f.kind {
		case "xls":
			kind, err := compound(src, head)
			return kind, "", err
		case "zip":
			kind, err := archive(src)
			return kind, "", err
		}
		return f.kind, f.detail, nil
	}
	switch {
	case len(head) > 14 && string(head[:3]) == "BZh" && string(head[4:10]) == "1AY&SY":
		return "packed", "bzip2", nil
	case len(head) > 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP":
		return "image", "WebP", nil
	}
	text := strings.ToLower(strings.TrimLeft(string(bytes.TrimPrefix(head, []byte{0xef, 0xbb, 0xbf})), " \t\r\n"))
	for _, tag := range [...]string{"<!doctype html", "<html", "<table"} {
		if strings.HasPrefix(text, tag) {
			return "html", "", nil
		}
	}
	if strings.HasPrefix(text, "<?xml") && (strings.Contains(text, "excel.sheet") || strings.Contains(text, "urn:schemas-microsoft-com:office:spreadsheet")) {
		return "xml", "", nil
	}
	return FileText, "", nil
}

// RefuseKind is the *FileError for a file of a kind that is not read where text (or, by workbook, an xlsx) is awaited.
func RefuseKind(kind, detail string, workbook bool) error {
	if kind == FileText && workbook {
		kind = "text"
	}
	if kind == "zip" && workbook { // perhaps the workbook itself, damaged
		return Refuse(0, "NV-1007.archive")
	}
	return Refuse(0, "NV-1007."+kind, "format", detail)
}

// compound looks into an OLE2 file's directory, where it is expected to be: an old workbook, an encrypted new one, or
// something else of the time.
func compound(src Spooled, head []byte) (string, error) {
	if len(head) < 52 {
		return "xls", nil
	}
	shift := binary.LittleEndian.Uint16(head[30:])
	if shift != 9 && shift != 12 {
		return "xls", nil
	}
	at := (int64(binary.LittleEndian.Uint32(head[48:])) + 1) << shift
	if at >= src.Size {
		return "xls", nil
	}
	dir := make([]byte, min(4096, src.Size-at))
	if err := readFull(src, dir, at); err != nil {
		return "", err
	}
	for _, s := range [...]struct{ stream, kind string }{{"EncryptedPackage", "encrypted"}, {"EncryptionInfo", "encrypted"}, {"Workbook", "xls"}, {"Book", "xls"}, {"WordDocument", "document"}, {"PowerPoint Document", "document"}} {
		if bytes.Contains(dir, wideText(s.stream)) {
			return s.kind, nil
		}
	}
	return "ole", nil
}

func wideText(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

// Bounds of an archive's directory: far above what a workbook has, small enough to be held.
const (
	directoryBytes = 2 << 20
	directoryFiles = 10_000
)

// ErrDirectory is the kind of an archive whose directory is larger than any workbook's.
var ErrDirectory = errors.New("archive directory beyond bounds")

// OpenArchive reads an archive's directory, within bounds: ErrDirectory where it is larger. zip.ErrFormat where it is no
// archive, or is cut.
func OpenArchive(src Spooled) (*zip.Reader, error) {
	bounded := &metered{ReaderAt: src, left: directoryBytes}
	z, err := zip.NewReader(bounded, src.Size)
	switch {
	case bounded.over:
		return nil, ErrDirectory
	case bounded.err != nil:
		return nil, fmt.Errorf("reading the source: %w", bounded.err)
	case err != nil && !errors.Is(err, zip.ErrInsecurePath):
		return nil, zip.ErrFormat
	case len(z.File) > directoryFiles:
		return nil, ErrDirectory
	}
	bounded.left = -1
	return z, nil
}

// metered reads only so many bytes; left < 0 is any number.
type metered struct {
	io.ReaderAt
	left int64
	over bool
	err  error // of the reader below, none of a file's own faults
}

func (m *metered) ReadAt(p []byte, off int64) (int, error) {
	if m.left >= 0 {
		if m.left -= int64(len(p)); m.left < 0 {
			m.left, m.over = 0, true
			return 0, ErrDirectory
		}
	}
	n, err := m.ReaderAt.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		m.err = err
	}
	return n, err
}

// archive tells what a zip file holds.
func archive(src Spooled) (string, error) {
	z, err := OpenArchive(src)
	if errors.Is(err, zip.ErrFormat) || errors.Is(err, ErrDirectory) {
		return "zip", nil
	}
	if err != nil {
		return "", err
	}
	for _, f := range z.File {
		switch name := strings.ToLower(strings.ReplaceAll(f.Name, "\\", "/")); {
		case strings.HasSuffix(name, "xl/workbook.xml"), name == "_rels/.rels" && holds(z, "xl/"):
			return FileXLSX, nil
		case strings.HasSuffix(name, "xl/workbook.bin"):
			return "xlsb", nil
		case strings.HasPrefix(name, "word/"), strings.HasPrefix(name, "ppt/"):
			return "document", nil
		case strings.HasPrefix(name, "index/document.iwa"), name == "index.zip":
			return "numbers", nil
		case name == "mimetype":
			return openDocument(src, f), nil
		}
	}
	return "zip", nil
}

func holds(z *zip.Reader, folder string) bool {
	for _, f := range z.File {
		if strings.HasPrefix(strings.ToLower(f.Name), folder) && !strings.HasSuffix(f.Name, ".bin") {
			return true
		}
	}
	return false
}

// openDocument reads the kind that an OpenDocument file stores, unpacked, as its first entry.
func openDocument(src Spooled, f *zip.File) string {
	at, err := f.DataOffset()
	b := make([]byte, min(100, f.CompressedSize64))
	if err != nil || readFull(src, b, at) != nil {
		return "zip"
	}
	switch {
	case bytes.Contains(b, []byte("opendocument.spreadsheet")):
		return "ods"
	case bytes.Contains(b, []byte("opendocument")):
		return "document"
	}
	return "zip"
}
