package mappings

// HeaderAuto is the value of Source.Header that asks for the first row that holds the mapped titles.
const HeaderAuto = -1

// Defaults of a source's bounds.
const (
	DefaultMaxRows  = 1_000_000
	DefaultMaxBytes = 500_000_000
	DefaultMaxCell  = 1 << 20
)

// Source says how a file is read: the section `source` of a mapping, checked and with its defaults.
type Source struct {
	Format     string   // csv, fixed, xlsx
	Encoding   string   // one of Charsets, or auto
	Delimiter  rune     // between cells; 0 = none: a line is one cell
	Quote      rune     // around cells; 0 = none
	Lazy       bool     // a bare quote is an ordinary character
	Header     int      // row number of the titles, 0 = none, HeaderAuto
	HeaderRows int      // rows of titles, 1 or more
	Comment    string   // what lines that are no rows begin with; "" = none
	Decimal    byte     // ',' or '.'; 0 = none declared
	Group      rune     // thousands mark: ' ', '.', ',', '\''; 0 = none
	Missing    []string // texts that mean "empty"
	OpenEnd    bool     // the last line need not be closed
	Trim       bool     // blanks around cells are no part of them
	Columns    []Column // names (and positions) where the file has no titles
	Length     int      // of a fixed record in characters (bytes where Bytes says so); 0 = not asked
	TrimEnd    bool     // cut blanks at a fixed record's end are tolerated
	Framed     bool     // fixed records without line ends
	Bytes      bool     // positions of fixed columns count bytes
	Sheet      string   // of a workbook: its name; "" = the SheetNumber-th
	SheetAt    int      // of a workbook: rank among the visible sheets, from 1
	Mark       byte     // of a workbook: the decimal mark that numbers are written with as text
	MaxRows    int
	MaxBytes   int64
	MaxCell    int // bytes of one cell, decoded

	Records map[string]bool // of record files: the types with positions of their own
}

// Column is one declared column.
type Column struct {
	Name    string
	At, Len int // position from 1 and length; 0 in delimited files
}
