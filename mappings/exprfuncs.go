package mappings

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/navette-connect/navette/connector/message"
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

// exprFault is why an expression cannot be evaluated on a row: a sentence of the catalogue. Its argument "value" is what
// was read.
type exprFault struct{ fault }

func (e *exprFault) Error() string { return e.in("en") }

func (e *exprFault) in(lang string) string { return message.New(e.key, e.args...).In(lang) }

// argument says that a function was given something of another kind.
func argument(key string, v any) error {
	return &exprFault{fault{key, []string{"value", clip(toText(v))}}}
}

// mixed says that two currencies met.
func mixed(a, b string) error {
	return &exprFault{fault{"NV-1210.mixed", []string{"currency", a, "other", b}}}
}

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
	return nil, argument("NV-1210.number", v)
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

// isList reads a list; nil is an empty one.
func isList(v any) ([]any, bool) {
	switch v := v.(type) {
	case nil:
		return nil, true
	case []any:
		return v, true
	case []string:
		out := make([]any, len(v))
		for i, s := range v {
			out[i] = s
		}
		return out, true
	case string, bool, *num, int:
		return nil, false
	}
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.Slice {
		out := make([]any, rv.Len())
		for i := range out {
			out[i] = rv.Index(i).Interface()
		}
		return out, true
	}
	return nil, false
}

func toList(v any) ([]any, error) {
	if list, ok := isList(v); ok {
		return list, nil
	}
	return nil, argument("NV-1210.list", v)
}

func toInt(v any) (int, error) {
	n, err := toNum(v)
	if err != nil || n == nil {
		return 0, err
	}
	if !n.d.IsInteger() || n.d.Abs().GreaterThan(decimal.NewFromInt(1_000_000)) {
		return 0, argument("NV-1210.small", v)
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
			return nil, mixed(currency, b.currency)
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

func divide(a, b decimal.Decimal) (decimal.Decimal, error) {
	if b.IsZero() {
		return a, &exprFault{fault{key: "NV-1210.zero"}}
	}
	return a.DivRound(b, 20), nil
}

func modulo(a, b decimal.Decimal) (decimal.Decimal, error) {
	if b.IsZero() {
		return a, &exprFault{fault{key: "NV-1210.zero"}}
	}
	return a.Mod(b), nil
}

func power(a, b decimal.Decimal) (decimal.Decimal, error) {
	if !b.IsInteger() || b.Abs().GreaterThan(decimal.NewFromInt(32)) {
		return a, argument("NV-1210.power", &num{d: b})
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
	l, okA := isList(a)
	m, okB := isList(b)
	return okA && okB && slices.EqualFunc(l, m, equal)
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
			return nil, mixed(a.currency, b.currency)
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
		return nil, argument("NV-1210.mark", mark)
	}
	f := numberFormat{decimal: mark[0], signs: true, implied: -1}
	d, ft := f.read(text)
	if ft != nil {
		return nil, argument("NV-1210.amount", text)
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
		return nil, argument("NV-1210.whole", text)
	}
	d, err := decimal.NewFromString(text)
	if err != nil {
		return nil, argument("NV-1210.whole", text)
	}
	return &num{d: d}, nil
}

func float(p ...any) (any, error) {
	if n, ok := isNum(p[0]); ok {
		return boxed(n), nil
	}
	return amountOf(p[0], ".")
}

// reduce works on numbers given one by one or as lists; absent ones are left out.
func reduce(work func([]*num) (*num, error)) func(...any) (any, error) {
	return func(p ...any) (any, error) {
		var list []*num
		for _, v := range p {
			items := []any{v}
			if _, ok := isNum(v); !ok {
				if l, ok := isList(v); ok {
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
					return nil, mixed(list[0].currency, n.currency)
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
