// Command gencsv writes an invoice file of any length, the same bytes each time: 20 columns, about 212 bytes a row, in
// the dialect of a French Excel (`;`, decimal comma, dd/mm/yyyy, Windows-1252, CRLF).
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "gencsv:", err)
		os.Exit(1)
	}
}

func run(args []string, stderr io.Writer) error {
	fs := flag.NewFlagSet("gencsv", flag.ContinueOnError)
	fs.SetOutput(stderr)
	var o options
	fs.IntVar(&o.rows, "n", 10000, "data rows")
	fs.BoolVar(&o.utf8, "utf8", false, "write UTF-8 instead of Windows-1252")
	fs.IntVar(&o.dup, "dup", 0, "every so many rows repeat the invoice number of the row before (0: never)")
	fs.IntVar(&o.bad, "bad", 0, "every so many rows write an amount nobody can read (0: never)")
	fs.IntVar(&o.quoted, "quoted", 10, "every so many rows quote the label and put a ; in it (0: never)")
	fs.StringVar(&o.prefix, "run", "F2026", "prefix of the invoice numbers")
	out := fs.String("o", "", "file to write (required)")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *out == "" {
		return fmt.Errorf("-o is required")
	}
	return writeFile(*out, o)
}

// writeFile makes the complete file appear at once, as a careful ERP would.
func writeFile(path string, o options) error {
	f, err := os.Create(path + ".part")
	if err != nil {
		return err
	}
	err = generate(f, o)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.Rename(path+".part", path)
}
