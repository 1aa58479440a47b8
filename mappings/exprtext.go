package mappings

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// isoDay reads the date that a value holds; ok is false where it is absent.
func isoDay(v any) (t time.Time, ok bool, err error) {
	s := toText(v)
	if s == "" {
		return t, false, nil
	}
	if len(s) > len(time.DateOnly) {
		s = s[:len(time.DateOnly)]
	}
	if t, err = time.Parse(time.DateOnly, s); err != nil {
		return t, false, argument("NV-1210.date", v)
	}
	return t, true, nil
}

func day(p ...any) (any, error) {
	s := toText(p[0])
	f, ok := p[1].(*dateFormat)
	if !ok {
		made, err := parseDatePattern(toText(p[1]))
		if err == nil && made.readOnly {
			err = fmt.Errorf("%w %q: it is only read", ErrPattern, toText(p[1]))
		}
		if err != nil {
			return nil, err
		}
		f = &made
	}
	if _, ok, err := isoDay(s); !ok {
		return "", err
	}
	return f.write(s), nil
}

func shiftDate(by func(t time.Time, n int) time.Time) func(...any) (any, error) {
	return func(p ...any) (any, error) {
		t, ok, err := isoDay(p[0])
		if !ok {
			return nil, err
		}
		n := 0
		if len(p) > 1 {
			if p[1] == nil {
				return nil, nil
			}
			if n, err = toInt(p[1]); err != nil {
				return nil, err
			}
		}
		if t = by(t, n); t.Year() < 1 || t.Year() > 9999 {
			return nil, argument("NV-1210.year", p[0])
		}
		return t.Format(time.DateOnly), nil
	}
}

// addMonths keeps the day, or takes the month's last one: 31 January and a month is 28 February.
func addMonths(t time.Time, n int) time.Time {
	first := time.Date(t.Year(), t.Month()+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	return first.AddDate(0, 0, min(t.Day(), daysIn(first.Year(), int(first.Month())))-1)
}

func endOfMonth(t time.Time, _ int) time.Time {
	return time.Date(t.Year(), t.Month(), daysIn(t.Year(), int(t.Month())), 0, 0, 0, 0, time.UTC)
}

// pad fills a text up to n characters, with blanks or the sign given, on the side where they go.
func pad(p ...any) (any, error) {
	n, err := toInt(p[1])
	if err != nil {
		return nil, err
	}
	s, fill := []rune(toText(p[0])), " "
	if len(p) > 3 {
		if fill = toText(p[3]); fill == "" {
			fill = " "
		}
	}
	filling := []rune(strings.Repeat(fill, max(0, n-len(s))))
	filling = filling[:max(0, n-len(s))]
	switch toText(p[2]) {
	case "left":
		return string(filling) + string(s), nil
	case "right":
		return string(s) + string(filling), nil
	}
	return nil, argument("NV-1210.side", p[2])
}

func cut(left bool) func(...any) (any, error) {
	return func(p ...any) (any, error) {
		n, err := toInt(p[1])
		if err != nil {
			return nil, err
		}
		s := []rune(toText(p[0]))
		n = min(max(n, 0), len(s))
		if left {
			return string(s[:n]), nil
		}
		return string(s[len(s)-n:]), nil
	}
}

// withoutAccents writes a text in plain letters.
func withoutAccents(s string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(s) {
		switch like, ok := similar(r); {
		case r < 0x80:
			b.WriteRune(r)
		case ok:
			b.WriteString(like)
		case !unicode.Is(unicode.Mn, r):
			b.WriteRune(r)
		}
	}
	return b.String()
}

func join(p ...any) (any, error) {
	list, err := toList(p[0])
	separator := ""
	if len(p) > 1 {
		separator = toText(p[1])
	}
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = toText(v)
	}
	return strings.Join(parts, separator), err
}

func uniq(p ...any) (any, error) {
	list, err := toList(p[0])
	var out []any
	for _, v := range list {
		if !slices.ContainsFunc(out, func(o any) bool { return equal(o, v) }) {
			out = append(out, v)
		}
	}
	return out, err
}

func length(p ...any) (any, error) {
	if s, ok := p[0].(string); ok {
		return len([]rune(s)), nil
	}
	if m := reflect.ValueOf(p[0]); m.Kind() == reflect.Map {
		return m.Len(), nil
	}
	list, err := toList(p[0])
	return len(list), err
}
