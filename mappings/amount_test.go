package mappings

import (
	"strings"
	"testing"

	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
)

func comma(change func(*numberFormat)) numberFormat {
	f := numberFormat{decimal: ',', signs: true, implied: -1}
	if change != nil {
		change(&f)
	}
	return f
}

func TestAmounts(t *testing.T) {
	blanks := comma(func(f *numberFormat) { f.group = ' ' })
	points := comma(func(f *numberFormat) { f.group = '.' })
	english := numberFormat{decimal: '.', group: ',', signs: true, implied: -1}
	swiss := numberFormat{decimal: '.', group: '\'', signs: true, implied: -1}
	none := numberFormat{signs: true, implied: -1}
	cents := numberFormat{signs: true, implied: 2}
	sense := numberFormat{decimal: '.', signs: true, implied: -1, suffix: map[rune]bool{'D': false, 'C': true}}
	zoned := numberFormat{signs: true, implied: 2, overpunch: true}
	bare := comma(func(f *numberFormat) { f.signs = false })
	tests := []struct {
		in       string
		format   numberFormat
		currency string
		want     string // the amount, or the key of the fault
	}{
		{"1234,56", comma(nil), "EUR", "1234.56"},
		{"1234", comma(nil), "EUR", "1234.00"},
		{"0,05", comma(nil), "EUR", "0.05"},
		{",50", comma(nil), "EUR", "0.50"},
		{"0000000408,50", comma(nil), "EUR", "408.50"},
		{"12,5", comma(nil), "EUR", "12.50"},
		{"-12,50", comma(nil), "EUR", "-12.50"},
		{"−12,50", comma(nil), "EUR", "-12.50"},
		{"12,50-", comma(nil), "EUR", "-12.50"},
		{"+12,50", comma(nil), "EUR", "12.50"},
		{"(12,50)", comma(nil), "EUR", "-12.50"},
		{"(345,00 €)", comma(nil), "EUR", "-345.00"},
		{"€ -12,50", comma(nil), "EUR", "-12.50"},
		{"12,50 €", comma(nil), "EUR", "12.50"},
		{"12,50\u00a0€", comma(nil), "EUR", "12.50"},
		{"12,50EUR", comma(nil), "EUR", "12.50"},
		{"eur 12,50", comma(nil), "EUR", "12.50"},
		{"12,50 CHF", comma(nil), "CHF", "12.50"},
		{"$12,50", comma(nil), "CAD", "12.50"},
		{"£12,50", comma(nil), "GBP", "12.50"},
		{"1 234,56", blanks, "EUR", "1234.56"},
		{"1\u00a0234,56\u00a0€", blanks, "EUR", "1234.56"},
		{"1\u202f234\u202f567,89", blanks, "EUR", "1234567.89"},
		{"1.234.567,89", points, "EUR", "1234567.89"},
		{"0.500", points, "EUR", "NV-1203.group"},
		{"00.500", points, "EUR", "NV-1203.group"},
		{"-0.123,50 €", points, "EUR", "NV-1203.group"},
		{"0,125", english, "USD", "NV-1203.group"},
		{"1,569.00", english, "USD", "1569.00"},
		{"12'345.60", swiss, "CHF", "12345.60"},
		{"12’345.60", swiss, "CHF", "12345.60"},
		{"500", none, "JPY", "500"},
		{"1,234", comma(nil), "KWD", "1.234"},
		{"12,3400", comma(nil), "EUR", "12.34"},
		{"400.000000", english, "EUR", "400.00"},
		{"12900", cents, "EUR", "129.00"},
		{"5", cents, "EUR", "0.05"},
		{"00000004500-", cents, "EUR", "-45.00"},
		{"240.47D", sense, "EUR", "240.47"},
		{"12.50C", sense, "EUR", "-12.50"},
		{"0000012345{", zoned, "EUR", "1234.50"},
		{"0000012345}", zoned, "EUR", "-1234.50"},
		{"0000012345é", zoned, "EUR", "1234.50"},
		{"0000012345N", zoned, "EUR", "-1234.55"},
		{"0000012345C", zoned, "EUR", "1234.53"},
		{"00000123456", zoned, "EUR", "1234.56"},
		{"92233720368547758,07", comma(nil), "EUR", "92233720368547758.07"},

		{"1.250,00", comma(nil), "EUR", "NV-1203.point"},
		{"1.250", comma(nil), "EUR", "NV-1203.point"},
		{"58.90", comma(nil), "EUR", "NV-1203.point"},
		{"1,250.00", numberFormat{decimal: '.', signs: true, implied: -1}, "EUR", "NV-1203.comma"},
		{"12,50", none, "EUR", "NV-1203.no_mark"},
		{"12.50", none, "EUR", "NV-1203.no_mark"},
		{"1.25,00", points, "EUR", "NV-1203.group"},
		{"1.2345,00", points, "EUR", "NV-1203.group"},
		{"1234.567,00", points, "EUR", "NV-1203.group"},
		{"1 23,00", blanks, "EUR", "NV-1203.group"},
		{"1 234", comma(nil), "EUR", "NV-1203.blank"},
		{"1  234", blanks, "EUR", "NV-1203.group"},
		{"1,2,3", comma(nil), "EUR", "NV-1203.two_marks"},
		{"12,", comma(nil), "EUR", "NV-1203.unreadable"},
		{"12,345", comma(nil), "EUR", "NV-1203.decimals"},
		{"0,5", comma(nil), "JPY", "NV-1203.decimals"},
		{"12,50 $", comma(nil), "EUR", "NV-1203.sign"},
		{"12,50 CHF", comma(nil), "EUR", "NV-1203.sign"},
		{"12,50 €", bare, "EUR", "NV-1203.sign_unexpected"},
		{"--12", comma(nil), "EUR", "NV-1203.two_signs"},
		{"(-12)", comma(nil), "EUR", "NV-1203.two_signs"},
		{"-12-", comma(nil), "EUR", "NV-1203.two_signs"},
		{"45.00", cents, "EUR", "NV-1203.implied"},
		{"1200.00", sense, "EUR", "NV-1203.suffix"},
		{"1500,00D", sense, "EUR", "NV-1203.comma"},
		{"-12.50C", sense, "EUR", "NV-1203.two_signs"},
		{"0000001A500", cents, "EUR", "NV-1203.unreadable"},
		{"0000000408,0O", comma(nil), "EUR", "NV-1203.unreadable"},
		{"abc", comma(nil), "EUR", "NV-1203.unreadable"},
		{"€", comma(nil), "EUR", "NV-1203.unreadable"},
		{"1e3", comma(nil), "EUR", "NV-1203.unreadable"},
		{"0x10", comma(nil), "EUR", "NV-1203.unreadable"},
		{"NaN", comma(nil), "EUR", "NV-1203.unreadable"},
		{"١٢", comma(nil), "EUR", "NV-1203.unreadable"},
		{"92233720368547758,08", comma(nil), "EUR", "NV-1203.large"},
		{strings.Repeat("9", 41), comma(nil), "EUR", "NV-1203.large"},
	}
	for _, tt := range tests {
		a, ft := tt.format.amount(tt.in, tt.currency)
		got := a.Decimal('.')
		if ft != nil {
			got = ft.key
			if err := message.New(ft.key, ft.args...).Check(); err != nil {
				t.Errorf("amount %q: %v", tt.in, err)
			}
		}
		if got != tt.want {
			t.Errorf("amount %q in %s = %s, want %s", tt.in, tt.currency, got, tt.want)
		}
	}
}

// FuzzAmount: what is read is written back as the same number, and a mark that is not declared is never read.
func FuzzAmount(f *testing.F) {
	for _, s := range []string{"1 234,56 €", "1.250,00", "-5", "(3,2)", "12,345", "EUR 1", ",5", "99999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		format := comma(func(f *numberFormat) { f.group = ' ' })
		a, ft := format.amount(trimBlanks(s), "EUR")
		if ft != nil {
			if a != (payment.Amount{}) {
				t.Fatalf("%q: a fault and an amount %v", s, a)
			}
			return
		}
		if strings.ContainsAny(s, ".'") {
			t.Fatalf("%q read as %v: that mark is not declared", s, a)
		}
		again, ft := format.amount(a.Decimal(','), "EUR")
		if ft != nil || again != a {
			t.Fatalf("%q is %v, which reads as %v (%v)", s, a, again, ft)
		}
		var want strings.Builder // the digits, whatever stands between them
		for _, r := range s {
			if r >= '0' && r <= '9' {
				want.WriteRune(r)
			}
		}
		got := strings.TrimLeft(strings.Trim(strings.NewReplacer(",", "", "-", "").Replace(a.Decimal(',')), "0"), "0")
		if strings.Trim(want.String(), "0") != got {
			t.Fatalf("%q has the digits %s, %v has %s", s, want.String(), a, got)
		}
	})
}
