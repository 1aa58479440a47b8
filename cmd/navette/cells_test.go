package main

import (
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/xuri/excelize/v2"
)

// cells edits the visible sheet of a workbook as a person does in a spreadsheet, or makes a workbook: cells FILE A1=text
// B2=:19.99 C2=@2026-12-02 (a number, a date). With ! it fails unless a cell differs; cells FILE A1==text holds what a
// cell is shown as against a text.
func cells(ts *testscript.TestScript, neg bool, args []string) {
	path := ts.MkAbs(args[0])
	f := excelize.NewFile()
	if _, err := os.Stat(path); err == nil {
		f, err = excelize.OpenFile(path)
		ts.Check(err)
	}
	defer f.Close()
	sheet := f.GetSheetName(f.GetActiveSheetIndex())
	changed := false
	for _, a := range args[1:] {
		cell, value, _ := strings.Cut(a, "=")
		if want, asked := strings.CutPrefix(value, "="); asked {
			got, err := f.GetCellValue(sheet, cell)
			ts.Check(err)
			if (got == want) == neg {
				ts.Fatalf("%s of %s is %q, want %q (not: %v)", cell, args[0], got, want, neg)
			}
			continue
		}
		changed = true
		switch {
		case strings.HasPrefix(value, ":"):
			n, err := strconv.ParseFloat(value[1:], 64)
			ts.Check(err)
			ts.Check(f.SetCellValue(sheet, cell, n))
		case strings.HasPrefix(value, "@"):
			day, err := time.Parse(time.DateOnly, value[1:])
			ts.Check(err)
			ts.Check(f.SetCellValue(sheet, cell, day))
		default:
			ts.Check(f.SetCellValue(sheet, cell, value))
		}
	}
	if changed {
		ts.Check(f.SaveAs(path))
	}
}
