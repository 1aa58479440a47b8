package payment

import (
	"errors"
	"math"
	"testing"
)

func TestParseDecimal(t *testing.T) {
	for _, c := range []struct {
		in, currency string
		want         int64
		err          error
	}{
		{"1234.56", "EUR", 123456, nil},
		{"1234.5", "EUR", 123450, nil},
		{"1234", "EUR", 123400, nil},
		{"-0.05", "EUR", -5, nil},
		{"1.500", "EUR", 150, nil}, // surplus zeros are no decimals
		{"1.505", "EUR", 0, ErrDecimals},
		{"500", "JPY", 500, nil},
		{"500.00", "JPY", 500, nil},
		{"500.5", "JPY", 0, ErrDecimals},
		{"1.234", "TND", 1234, nil},
		{"1", "EURO", 0, ErrCurrency},
		{"1", "E R", 0, ErrCurrency},
		{"1", "", 0, ErrCurrency},
		{"1", "eur", 0, ErrCurrency},
		{"92233720368547758.07", "EUR", math.MaxInt64, nil},
		{"92233720368547758.08", "EUR", 0, ErrOverflow},
		{"99999999999999999999", "EUR", 0, ErrOverflow},
		{"", "EUR", 0, ErrSyntax},
		{".5", "EUR", 0, ErrSyntax},
		{"1.", "EUR", 0, ErrSyntax},
		{"1,5", "EUR", 0, ErrSyntax},
		{"1e3", "EUR", 0, ErrSyntax},
		{"--1", "EUR", 0, ErrSyntax},
		{"１", "EUR", 0, ErrSyntax}, // a full-width digit
	} {
		a, err := ParseDecimal(c.in, c.currency)
		if !errors.Is(err, c.err) || err == nil && a.Minor != c.want {
			t.Errorf("ParseDecimal(%q, %s) = %d, %v; want %d, %v", c.in, c.currency, a.Minor, err, c.want, c.err)
		}
	}
}

func TestDecimal(t *testing.T) {
	for _, c := range []struct {
		a    Amount
		mark byte
		want string
	}{
		{Amount{123456, "EUR"}, ',', "1234,56"},
		{Amount{5, "EUR"}, '.', "0.05"},
		{Amount{-5, "EUR"}, ',', "-0,05"},
		{Amount{-12000, "EUR"}, ',', "-120,00"},
		{Amount{0, "EUR"}, '.', "0.00"},
		{Amount{500, "JPY"}, '.', "500"},
		{Amount{0, "JPY"}, '.', "0"},
		{Amount{1, "TND"}, '.', "0.001"},
		{Amount{math.MinInt64, "EUR"}, '.', "-92233720368547758.08"},
	} {
		if got := c.a.Decimal(c.mark); got != c.want {
			t.Errorf("%+v.Decimal(%q) = %q, want %q", c.a, c.mark, got, c.want)
		}
	}
}

func TestAddRefusesMixtureAndOverflow(t *testing.T) {
	if _, err := (Amount{1, "EUR"}).Add(Amount{1, "USD"}); !errors.Is(err, ErrCurrency) {
		t.Errorf("EUR + USD: %v, want ErrCurrency", err)
	}
	if _, err := (Amount{math.MaxInt64, "EUR"}).Add(Amount{1, "EUR"}); !errors.Is(err, ErrOverflow) {
		t.Errorf("max + 1: %v, want ErrOverflow", err)
	}
	if _, err := (Amount{math.MinInt64, "EUR"}).Add(Amount{-1, "EUR"}); !errors.Is(err, ErrOverflow) {
		t.Errorf("min - 1: %v, want ErrOverflow", err)
	}
	if a, err := (Amount{7, "EUR"}).Add(Amount{0, "EUR"}); err != nil || a.Minor != 7 {
		t.Errorf("7 + 0 = %v, %v", a, err)
	}
	if a, err := (Amount{}).Add(Amount{7, "EUR"}); err != nil || a.Minor != 7 {
		t.Errorf("none + 7 = %v, %v", a, err)
	}
}

func FuzzParseDecimal(f *testing.F) {
	for _, s := range []string{"1", "-1.5", "0.00", "92233720368547758.07", ".", "-", "1.2.3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, currency := range []string{"EUR", "JPY", "TND"} {
			a, err := ParseDecimal(s, currency)
			if err != nil {
				continue
			}
			back, err := ParseDecimal(a.Decimal('.'), currency)
			if err != nil || back != a {
				t.Fatalf("%q is %v, written %q, read %v, %v", s, a, a.Decimal('.'), back, err)
			}
		}
	})
}
