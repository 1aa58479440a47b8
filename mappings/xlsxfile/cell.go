package xlsxfile

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/navette-connect/navette/mappings"
)

// precision is how many significant digits a spreadsheet holds and shows. Files carry the nearest binary fraction with up
// to 17: 19.99 is stored as 19.989999999999998. To round to 15 gives back what was typed.
const precision = 15

// number writes a stored number in full, exact as Excel takes it. Digits that are stored up to precision are taken as
// they are; more are rounded. A whole part of more than precision digits has lost its end: CellRounded.
func number(v string, mark byte) (string, mappings.CellKind) {
	negative, digits, exponent, ok := scientific(v)
	if !ok {
		return v, mappings.CellError
	}
	if len(digits) > precision {
		f, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return v, mappings.CellError
		}
		if _, digits, exponent, ok = scientific(strconv.FormatFloat(math.Abs(f), 'e', precision-1, 64)); !ok {
			return v, mappings.CellError
		}
	}
	if digits == "" {
		return "0", mappings.CellNumber
	}
	if exponent > precision {
		return v, mappings.CellRounded
	}
	var b strings.Builder
	if negative {
		b.WriteByte('-')
	}
	switch {
	case exponent <= 0:
		b.WriteByte('0')
		b.WriteByte(mark)
		b.WriteString(strings.Repeat("0", -exponent))
		b.WriteString(digits)
	case exponent >= len(digits):
		b.WriteString(digits)
		b.WriteString(strings.Repeat("0", exponent-len(digits)))
	default:
		b.WriteString(digits[:exponent])
		b.WriteByte(mark)
		b.WriteString(digits[exponent:])
	}
	return b.String(), mappings.CellNumber
}

// scientific takes a stored number apart: 0.digits times ten to the exponent, without zeros at either end of digits ("" is
// zero).
func scientific(v string) (negative bool, digits string, exponent int, ok bool) {
	s, negative := strings.CutPrefix(v, "-")
	if !negative {
		s = strings.TrimPrefix(s, "+")
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		e, err := strconv.Atoi(s[i+1:])
		if err != nil || e > 400 || e < -400 {
			return false, "", 0, false
		}
		s, exponent = s[:i], e
	}
	whole, fraction, _ := strings.Cut(s, ".")
	digits = whole + fraction
	if digits == "" || len(digits) > 400 || strings.Trim(digits, "0123456789") != "" {
		return false, "", 0, false
	}
	exponent += len(whole)
	short := strings.TrimLeft(digits, "0")
	exponent -= len(digits) - len(short)
	return negative, strings.TrimRight(short, "0"), exponent, true
}

// epoch1904 is what is added to day numbers that count from 1 January 1904.
const epoch1904 = 1462

// date writes a day number as an ISO date, with the time of day where there is one, to the second; below one day it is a
// time of day alone. Days count from 1 = 1 January 1900; day 60, a 29 February 1900 that never was, is none.
func date(v string, from1904 bool) (string, mappings.CellKind) {
	if _, _, _, ok := scientific(v); !ok {
		return v, mappings.CellError
	}
	f, err := strconv.ParseFloat(v, 64)
	if err != nil || f < 0 || f > 2958466 {
		return v, mappings.CellNoDate
	}
	days := math.Floor(f)
	seconds := int(math.Round((f - days) * 86400))
	n := int(days)
	if seconds == 86400 {
		n, seconds = n+1, 0
	}
	if n == 0 {
		return time.Unix(int64(seconds), 0).UTC().Format(time.TimeOnly), mappings.CellDate
	}
	if from1904 {
		n += epoch1904
	}
	switch {
	case n == 60 || n > 2958465:
		return v, mappings.CellNoDate
	case n < 60:
		n++
	}
	t := time.Date(1899, 12, 30, 0, 0, seconds, 0, time.UTC).AddDate(0, 0, n)
	if seconds == 0 {
		return t.Format(time.DateOnly), mappings.CellDate
	}
	return t.Format(time.DateTime), mappings.CellDate
}

// isoDate writes a date that the file stores as ISO 8601 text (cells of type d).
func isoDate(v string) (string, mappings.CellKind) {
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999", "2006-01-02T15:04"} {
		t, err := time.Parse(layout, v)
		if err != nil || t.Year() < 1900 {
			continue
		}
		if t.Hour() == 0 && t.Minute() == 0 && t.Second() == 0 {
			return t.Format(time.DateOnly), mappings.CellDate
		}
		return t.Format(time.DateTime), mappings.CellDate
	}
	return v, mappings.CellNoDate
}

// showsDates tells whether a number format shows dates: one of the built-in ones (ECMA-376 18.8.30; 27 to 36 and 50 to
// 58 are those of East Asia), or a code with a letter of years, days, hours or seconds outside quotes and brackets.
// Elapsed time ([h]:mm) is no date.
func showsDates(id int, code string) bool {
	if code == "" {
		return id >= 14 && id <= 22 || id >= 27 && id <= 36 || id == 45 || id == 47 || id >= 50 && id <= 58
	}
	code, _, _ = strings.Cut(code, ";")
	months, dates := false, false
	for i := 0; i < len(code); i++ {
		switch c := code[i]; c {
		case '"':
			end := strings.IndexByte(code[i+1:], '"')
			if end < 0 {
				return dates || months
			}
			i += end + 1
		case '[':
			end := strings.IndexByte(code[i:], ']')
			if end < 0 {
				return dates || months
			}
			switch inside := strings.ToLower(code[i+1 : i+end]); {
			case inside != "" && strings.Trim(inside, "h") == "", inside != "" && strings.Trim(inside, "m") == "", inside != "" && strings.Trim(inside, "s") == "":
				return false
			}
			i += end
		case '\\', '_', '*':
			_, n := utf8.DecodeRuneInString(code[i+1:])
			i += n
		case 'y', 'Y', 'd', 'D', 'h', 'H', 's', 'S', 'a', 'A', 'j', 'J':
			if (c == 'a' || c == 'A') && !strings.HasPrefix(strings.ToLower(code[i:]), "am/pm") && !strings.HasPrefix(strings.ToLower(code[i:]), "aa") {
				continue // "aaaa" is a French year and a Japanese weekday; a lone letter is none
			}
			if (c == 'j' || c == 'J') && !strings.HasPrefix(strings.ToLower(code[i:]), "jj") {
				continue
			}
			dates = true
		case 'm', 'M':
			months = true
		case 'G', 'g':
			if strings.HasPrefix(strings.ToLower(code[i:]), "general") {
				i += len("general") - 1
			}
		}
	}
	return dates || months
}

// unescape turns _xHHHH_ into the character it stands for (ECMA-376 22.9.2.19, ST_Xstring).
func unescape(b []byte) []byte {
	s := string(b)
	if !strings.Contains(s, "_x") {
		return b
	}
	var out []byte
	for {
		i := strings.Index(s, "_x")
		if i < 0 {
			return append(out, s...)
		}
		out, s = append(out, s[:i]...), s[i:]
		if len(s) >= 7 && s[6] == '_' {
			if n, err := strconv.ParseUint(s[2:6], 16, 16); err == nil && (n < 0xd800 || n >= 0xe000) {
				out, s = utf8.AppendRune(out, rune(n)), s[7:]
				continue
			}
		}
		out, s = append(out, s[:2]...), s[2:]
	}
}
