package mappings

import (
	"crypto/sha256"
	"encoding/hex"
	"reflect"
	"time"

	"github.com/expr-lang/expr/builtin"
	"github.com/shopspring/decimal"
)

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
