package mappings

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/expr-lang/expr/builtin"
	"github.com/shopspring/decimal"
	"golang.org/x/text/unicode/norm"
)

// num is a number in expressions: exact, with the currency it is an amount of.
type num struct {
	d        decimal.Decimal
	currency string
}

// text writes a number plainly; an amount with its currency's decimals.
func (n *num) text() string {
	if n.currency == "" {
		return n.d.String()
	}
	return n.fixed(".")
}

// fixed writes an amount with the decimals its currency has, rounded where there are more.
func (n *num) fixed(mark string) string {
	s := n.d.String()
	if n.currency != "" {
		s = n.d.StringFixed(int32(exponent(n.currency)))
	}
	if mark != "." {
		s = strings.Replace(s, ".", mark, 1)
	}
	return s
}

var errArgument = errors.New("argument of another kind expected")

// isNum reads a number; nil is one that is absent.
func isNum(v any) (*num, bool) {
	switch v := v.(type) {
	case nil:
		return nil, true
	case *num:
		return v, true
	case num: // the language follows pointers here and there
		return &v, true
	case int:
		return &num{d: decimal.NewFromInt(int64(v))}, true
	case int64:
		return &num{d: decimal.NewFromInt(v)}, true
	}
	return nil, false
}

// toNum reads a number; nil stays nil.
func toNum(v any) (*num, error) {
	if n, ok := isNum(v); ok {
		return n, nil
	}
	return nil, fmt.Errorf("%w: a number, not %s", errArgument, kindOf(v))
}

func kindOf(v any) string {
	switch v := v.(type) {
	case string:
		return "the text " + fmt.Sprintf("%q", clip(v))
	case bool:
		return "true or false"
	case []any, []string:
		return "a list"
	}
	return fmt.Sprintf("%T", v)
}

// toText writes any value as text; nil is "".
func toText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case *num:
		return v.text()
	case num:
		return v.text()
	case bool:
		if v {
			return "true"
		}
		return "false"
	case []any:
		parts := make([]string, len(v))
		for i, p := range v {
			parts[i] = toText(p)
		}
		return strings.Join(parts, ", ")
	case []string:
		return strings.Join(v, ", ")
	}
	return fmt.Sprint(v)
}

func toList(v any) ([]any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case []any:
		return v, nil
	case []string:
		out := make([]any, len(v))
		for i, s := range v {
			out[i] = s
		}
		return out, nil
	}
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.Slice {
		out := make([]any, rv.Len())
		for i := range out {
			out[i] = rv.Index(i).Interface()
		}
		return out, nil
	}
	return nil, fmt.Errorf("%w: a list, not %s", errArgument, kindOf(v))
}

func toInt(v any) (int, error) {
	n, err := toNum(v)
	if err != nil || n == nil {
		return 0, err
	}
	if !n.d.IsInteger() || n.d.Abs().GreaterThan(decimal.NewFromInt(1_000_000)) {
		return 0, fmt.Errorf("%w: a small whole number, not %s", errArgument, n.text())
	}
	return int(n.d.IntPart()), nil
}

// boxed keeps an absent number an untyped nil.
func boxed(n *num) any {
	if n == nil {
		return nil
	}
	return n
}

// arithmetic works on two numbers; one that is absent makes the result absent. Amounts of two currencies do not mix.
func arithmetic(op func(a, b decimal.Decimal) (decimal.Decimal, error)) func(...any) (any, error) {
	return func(p ...any) (any, error) {
		a, err := toNum(p[0])
		if err != nil {
			return nil, err
		}
		b, err := toNum(p[1])
		if err != nil || a == nil || b == nil {
			return nil, err
		}
		currency := a.currency
		switch {
		case currency == "":
			currency = b.currency
		case b.currency != "" && b.currency != currency:
			return nil, fmt.Errorf("%w: %s and %s do not mix", errArgument, currency, b.currency)
		}
		d, err := op(a.d, b.d)
		if err != nil {
			return nil, err
		}
		return &num{d, currency}, nil
	}
}

func add(p ...any) (any, error) {
	_, aText := p[0].(string)
	_, bText := p[1].(string)
	if aText && (bText || p[1] == nil) || bText && p[0] == nil {
		return toText(p[0]) + toText(p[1]), nil
	}
	return arithmetic(func(a, b decimal.Decimal) (decimal.Decimal, error) { return a.Add(b), nil })(p...)
}

var errZero = errors.New("division by zero")

func divide(a, b decimal.Decimal) (decimal.Decimal, error) {
	if b.IsZero() {
		return a, errZero
	}
	return a.DivRound(b, 20), nil
}

func modulo(a, b decimal.Decimal) (decimal.Decimal, error) {
	if b.IsZero() {
		return a, errZero
	}
	return a.Mod(b), nil
}

func power(a, b decimal.Decimal) (decimal.Decimal, error) {
	if !b.IsInteger() || b.Abs().GreaterThan(decimal.NewFromInt(32)) {
		return a, fmt.Errorf("%w: a whole power up to 32", errArgument)
	}
	return a.PowInt32(int32(b.IntPart()))
}

// equal compares values; an absent one equals only an absent one.
func equal(a, b any) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	if s, ok := a.(string); ok {
		t, ok := b.(string)
		return ok && s == t
	}
	x, okA := isNum(a)
	y, okB := isNum(b)
	if okA || okB {
		return okA && okB && x.d.Equal(y.d)
	}
	switch a := a.(type) {
	case bool:
		t, ok := b.(bool)
		return ok && a == t
	}
	l, errA := toList(a)
	m, errB := toList(b)
	return errA == nil && errB == nil && slices.EqualFunc(l, m, equal)
}

// ordered compares two numbers or two texts; false where one is absent.
func ordered(holds func(c int) bool) func(...any) (any, error) {
	return func(p ...any) (any, error) {
		if p[0] == nil || p[1] == nil {
			return false, nil
		}
		s, aText := p[0].(string)
		t, bText := p[1].(string)
		if aText && bText {
			return holds(strings.Compare(s, t)), nil
		}
		a, err := toNum(p[0])
		if err != nil {
			return nil, err
		}
		b, err := toNum(p[1])
		if err != nil {
			return nil, err
		}
		if a.currency != "" && b.currency != "" && a.currency != b.currency {
			return nil, fmt.Errorf("%w: %s and %s do not compare", errArgument, a.currency, b.currency)
		}
		return holds(a.d.Cmp(b.d)), nil
	}
}

func in(p ...any) (any, error) {
	if t, ok := p[1].(string); ok {
		return strings.Contains(t, toText(p[0])), nil
	}
	list, err := toList(p[1])
	if err != nil {
		return nil, err
	}
	return slices.ContainsFunc(list, func(v any) bool { return equal(p[0], v) }), nil
}

// round rounds half away from zero, as invoices do.
func round(p ...any) (any, error) {
	n, err := toNum(p[0])
	if err != nil || n == nil {
		return nil, err
	}
	places := 0
	if len(p) > 1 {
		if places, err = toInt(p[1]); err != nil {
			return nil, err
		}
	}
	return &num{n.d.Round(int32(places)), n.currency}, nil
}

// percent is a rate of an amount, rounded to its currency's decimals (to two of a plain number).
func percent(p ...any) (any, error) {
	n, err := toNum(p[0])
	if err != nil || n == nil {
		return nil, err
	}
	rate, err := toNum(p[1])
	if err != nil || rate == nil {
		return nil, err
	}
	return &num{n.d.Mul(rate.d).Shift(-2).Round(int32(exponent(n.currency))), n.currency}, nil
}

func dec(p ...any) (any, error) {
	n, err := toNum(p[0])
	if err != nil || n == nil {
		return "", err
	}
	return n.fixed(toText(p[1])), nil
}

func cents(p ...any) (any, error) {
	n, err := toNum(p[0])
	if err != nil || n == nil {
		return nil, err
	}
	return &num{d: n.d.Shift(int32(exponent(n.currency))).Round(0)}, nil
}

// amountOf reads a text as a number with the decimal mark given.
func amountOf(p ...any) (any, error) {
	if n, ok := isNum(p[0]); ok {
		return boxed(n), nil
	}
	mark, text := toText(p[1]), trimBlanks(toText(p[0]))
	if text == "" {
		return nil, nil
	}
	if mark != "," && mark != "." {
		return nil, fmt.Errorf("%w: a decimal mark, not %q", errArgument, mark)
	}
	f := numberFormat{decimal: mark[0], signs: true, implied: -1}
	d, ft := f.read(text)
	if ft != nil {
		return nil, fmt.Errorf("%w: an amount, not %q", errArgument, clip(text))
	}
	n := &num{d: d.decimal()}
	if known(d.currency) {
		n.currency = d.currency
	}
	return n, nil
}

// whole reads a whole number from a text or a number.
func whole(p ...any) (any, error) {
	if n, ok := isNum(p[0]); ok {
		if n == nil {
			return nil, nil
		}
		return &num{d: n.d.Truncate(0)}, nil
	}
	text := trimBlanks(toText(p[0]))
	digits := strings.TrimLeft(text, "+-")
	if text == "" {
		return nil, nil
	}
	if len(text)-len(digits) > 1 || digits == "" || plainDigits(digits) < len(digits) || len(digits) > maxDigits {
		return nil, fmt.Errorf("%w: a whole number, not %q", errArgument, clip(text))
	}
	d, err := decimal.NewFromString(text)
	if err != nil {
		return nil, fmt.Errorf("%w: a whole number, not %q", errArgument, clip(text))
	}
	return &num{d: d}, nil
}

func float(p ...any) (any, error) {
	if n, ok := isNum(p[0]); ok {
		return boxed(n), nil
	}
	return amountOf(p[0], ".")
}

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
		return t, false, fmt.Errorf("%w: a date, not %q", errArgument, clip(toText(v)))
	}
	return t, true, nil
}

func day(p ...any) (any, error) {
	s := toText(p[0])
	f, ok := p[1].(*dateFormat)
	if !ok {
		made, err := parseDatePattern(toText(p[1]))
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
			return nil, fmt.Errorf("%w: a date of four digits' years", errArgument)
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
	return nil, fmt.Errorf(`%w: "left" or "right", not %q`, errArgument, toText(p[2]))
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

// reduce works on numbers given one by one or as lists; absent ones are left out.
func reduce(work func([]*num) (*num, error)) func(...any) (any, error) {
	return func(p ...any) (any, error) {
		var list []*num
		for _, v := range p {
			items := []any{v}
			if _, ok := isNum(v); !ok {
				if l, err := toList(v); err == nil {
					items = l
				}
			}
			for _, item := range items {
				n, err := toNum(item)
				if err != nil {
					return nil, err
				}
				if n == nil {
					continue
				}
				if len(list) > 0 && list[0].currency != "" && n.currency != "" && n.currency != list[0].currency {
					return nil, fmt.Errorf("%w: %s and %s do not mix", errArgument, list[0].currency, n.currency)
				}
				list = append(list, n)
			}
		}
		n, err := work(list)
		if n != nil && n.currency == "" { // an amount and a plain number: an amount
			if sum, _ := total(list); sum.currency != "" {
				n = &num{n.d, sum.currency}
			}
		}
		return boxed(n), err
	}
}

func total(list []*num) (*num, error) {
	out := &num{}
	for _, n := range list {
		out.d = out.d.Add(n.d)
		if out.currency == "" {
			out.currency = n.currency
		}
	}
	return out, nil
}

func mean(list []*num) (*num, error) {
	if len(list) == 0 {
		return nil, nil
	}
	out, _ := total(list)
	out.d = out.d.DivRound(decimal.NewFromInt(int64(len(list))), 20)
	return out, nil
}

func median(list []*num) (*num, error) {
	if len(list) == 0 {
		return nil, nil
	}
	list = slices.SortedFunc(slices.Values(list), func(a, b *num) int { return a.d.Cmp(b.d) })
	if len(list)%2 == 1 {
		return list[len(list)/2], nil
	}
	return mean(list[len(list)/2-1 : len(list)/2+1])
}

func extreme(sign int) func([]*num) (*num, error) {
	return func(list []*num) (*num, error) {
		if len(list) == 0 {
			return nil, nil
		}
		return slices.MaxFunc(list, func(a, b *num) int { return sign * a.d.Cmp(b.d) }), nil
	}
}

func single(work func(n *num) *num) func(...any) (any, error) {
	return func(p ...any) (any, error) {
		n, err := toNum(p[0])
		if err != nil || n == nil {
			return nil, err
		}
		return work(n), nil
	}
}

// typedFunctions are the functions as they are checked: numbers are float64 there, since the language's own types are
// what its checker knows; nothing is ever computed with them.
func typedFunctions() map[string]*builtin.Function {
	type (
		text   = string
		number = float64
	)
	out := map[string]*builtin.Function{}
	def := func(name string, types ...any) {
		f := &builtin.Function{Name: name, Func: func(...any) (any, error) { return nil, nil }}
		for _, t := range types {
			f.Types = append(f.Types, reflect.TypeOf(t))
		}
		out[name+"()"] = f
	}
	def("round", func(number, int) number { return 0 }, func(number) number { return 0 }, func(int) number { return 0 })
	def("dec", func(number, text) text { return "" }, func(int, text) text { return "" })
	def("cents", func(number) number { return 0 }, func(int) number { return 0 })
	def("amount", func(text, text) number { return 0 }, func(number, text) number { return 0 })
	def("percent", func(number, number) number { return 0 }, func(number, int) number { return 0 }, func(int, number) number { return 0 })
	def("day", func(text, text) text { return "" })
	def("addDays", func(text, number) text { return "" }, func(text, int) text { return "" })
	def("addMonths", func(text, number) text { return "" }, func(text, int) text { return "" })
	def("endOfMonth", func(text) text { return "" })
	def("today", func() text { return "" })
	def("pad", func(text, int, text) text { return "" }, func(text, number, text) text { return "" },
		func(text, int, text, text) text { return "" }, func(text, number, text, text) text { return "" })
	def("left", func(text, int) text { return "" }, func(text, number) text { return "" })
	def("right", func(text, int) text { return "" }, func(text, number) text { return "" })
	def("sha256", func(text) text { return "" })
	def("plain", func(text) text { return "" })
	def("lookup", func(text, text, text) text { return "" })
	return out
}

// runningFunctions are the functions as they run, operators among them.
func runningFunctions() map[string]*builtin.Function {
	out := map[string]*builtin.Function{}
	def := func(name string, work func(...any) (any, error)) {
		out[name+"()"] = &builtin.Function{Name: name, Func: work}
	}
	pure := func(name string, work func(s string) string) {
		def(name, func(p ...any) (any, error) { return work(toText(p[0])), nil })
	}
	def("+", add)
	def("-", arithmetic(func(a, b decimal.Decimal) (decimal.Decimal, error) { return a.Sub(b), nil }))
	def("*", arithmetic(func(a, b decimal.Decimal) (decimal.Decimal, error) { return a.Mul(b), nil }))
	def("/", arithmetic(divide))
	def("%", arithmetic(modulo))
	def("**", arithmetic(power))
	def("^", arithmetic(power))
	def("==", func(p ...any) (any, error) { return equal(p[0], p[1]), nil })
	def("!=", func(p ...any) (any, error) { return !equal(p[0], p[1]), nil })
	def("<", ordered(func(c int) bool { return c < 0 }))
	def("<=", ordered(func(c int) bool { return c <= 0 }))
	def(">", ordered(func(c int) bool { return c > 0 }))
	def(">=", ordered(func(c int) bool { return c >= 0 }))
	def("in", in)
	def("truth", func(p ...any) (any, error) { b, _ := p[0].(bool); return b, nil })
	pure("text", func(s string) string { return s })
	def("table", func(p ...any) (any, error) {
		t := p[0].(*wordTable)
		word := toText(p[1])
		if v, ok := t.words[word]; ok || !t.pass {
			return v, nil
		}
		return word, nil
	})
	pure("string", func(s string) string { return s })
	pure("plain", withoutAccents)
	pure("sha256", func(s string) string { sum := sha256.Sum256([]byte(s)); return hex.EncodeToString(sum[:]) })
	def("neg", single(func(n *num) *num { return &num{n.d.Neg(), n.currency} }))
	def("abs", single(func(n *num) *num { return &num{n.d.Abs(), n.currency} }))
	def("ceil", single(func(n *num) *num { return &num{n.d.Ceil(), n.currency} }))
	def("floor", single(func(n *num) *num { return &num{n.d.Floor(), n.currency} }))
	def("whole", func(p ...any) (any, error) { n, err := toInt(p[0]); return n, err })
	def("int", whole)
	def("float", float)
	def("round", round)
	def("percent", percent)
	def("dec", dec)
	def("cents", cents)
	def("amount", amountOf)
	def("day", day)
	def("addDays", shiftDate(func(t time.Time, n int) time.Time { return t.AddDate(0, 0, n) }))
	def("addMonths", shiftDate(addMonths))
	def("endOfMonth", shiftDate(endOfMonth))
	def("pad", pad)
	def("left", cut(true))
	def("right", cut(false))
	def("lookup", lookup)
	def("join", join)
	def("uniq", uniq)
	def("len", length)
	def("sum", reduce(total))
	def("mean", reduce(mean))
	def("median", reduce(median))
	def("min", reduce(extreme(-1)))
	def("max", reduce(extreme(1)))
	return out
}
