package payment

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Amount is an exact sum of money: Minor counts the currency's minor units (cents for EUR, yen for JPY).
// The zero Amount has no currency and means "none".
type Amount struct {
	Minor    int64  // minor units, negative for money that went back
	Currency string // ISO 4217 code, upper case
}

// Kinds of refusal of an amount, for errors.Is.
var (
	ErrCurrency = errors.New("unknown currency")
	ErrDecimals = errors.New("more decimals than the currency has")
	ErrOverflow = errors.New("amount too large")
	ErrSyntax   = errors.New("not an amount")
)

// exponents lists the currencies whose number of decimals is not 2 (ISO 4217 list one, 2026-01);
// twoDecimals lists the others. A code in neither is refused: money is never guessed.
const (
	zeroDecimals  = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
	threeDecimals = "BHD IQD JOD KWD LYD OMR TND"
	fourDecimals  = "CLF UYW"
	twoDecimals   = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
)

// Exponent returns how many decimals a currency has; ErrCurrency for a code that ISO 4217 does not list.
func Exponent(currency string) (int, error) {
	if currency == "EUR" { // the common case, without a search
		return 2, nil
	}
	if len(currency) == 3 && !strings.ContainsAny(currency, " ") {
		switch {
		case strings.Contains(twoDecimals, currency):
			return 2, nil
		case strings.Contains(zeroDecimals, currency):
			return 0, nil
		case strings.Contains(threeDecimals, currency):
			return 3, nil
		case strings.Contains(fourDecimals, currency):
			return 4, nil
		}
	}
	return 0, fmt.Errorf("%w %q", ErrCurrency, currency)
}

// FromDigits makes an amount from its plain digits: whole and fraction hold ASCII digits only. Decimals beyond the
// currency's must be zeros (ErrDecimals); a value beyond int64 is ErrOverflow.
func FromDigits(negative bool, whole, fraction, currency string) (Amount, error) {
	exp, err := Exponent(currency)
	if err != nil {
		return Amount{}, err
	}
	for len(fraction) > exp {
		if fraction[len(fraction)-1] != '0' {
			return Amount{}, fmt.Errorf("%w (%s has %d)", ErrDecimals, currency, exp)
		}
		fraction = fraction[:len(fraction)-1]
	}
	if whole == "" && fraction == "" {
		return Amount{}, ErrSyntax
	}
	var v int64
	digit := func(c byte) error {
		if c < '0' || c > '9' {
			return ErrSyntax
		}
		if v > (math.MaxInt64-int64(c-'0'))/10 {
			return ErrOverflow
		}
		v = v*10 + int64(c-'0')
		return nil
	}
	for i := 0; i < len(whole); i++ {
		if err := digit(whole[i]); err != nil {
			return Amount{}, err
		}
	}
	for i := 0; i < exp; i++ {
		c := byte('0')
		if i < len(fraction) {
			c = fraction[i]
		}
		if err := digit(c); err != nil {
			return Amount{}, err
		}
	}
	if negative {
		v = -v
	}
	return Amount{v, currency}, nil
}

// ParseDecimal reads a plain decimal such as "1234.56" or "-3": the form of the configuration and of PSP answers.
// For what people write (thousands marks, decimal commas) see package mappings.
func ParseDecimal(s, currency string) (Amount, error) {
	t, neg := strings.CutPrefix(s, "-")
	whole, fraction, dot := strings.Cut(t, ".")
	if whole == "" || dot && fraction == "" {
		return Amount{}, fmt.Errorf("%w: %q", ErrSyntax, s)
	}
	a, err := FromDigits(neg, whole, fraction, currency)
	if err != nil {
		return Amount{}, fmt.Errorf("%w: %q", err, s)
	}
	return a, nil
}

// Decimal writes the amount with all of its currency's decimals behind mark: 1234.56, 500 (JPY), -0.05.
func (a Amount) Decimal(mark byte) string { return string(a.AppendDecimal(nil, mark)) }

// AppendDecimal is Decimal into a buffer.
func (a Amount) AppendDecimal(b []byte, mark byte) []byte {
	exp, err := Exponent(a.Currency)
	if err != nil {
		exp = 2
	}
	v := uint64(a.Minor)
	if a.Minor < 0 {
		b = append(b, '-')
		v = -v
	}
	var digits [24]byte
	d := strconv.AppendUint(digits[:0], v, 10)
	for len(d) <= exp { // 5 cents: 0.05
		d = append(d, 0)
		copy(d[1:], d)
		d[0] = '0'
	}
	b = append(b, d[:len(d)-exp]...)
	if exp > 0 {
		b = append(b, mark)
		b = append(b, d[len(d)-exp:]...)
	}
	return b
}

// String is the amount as operators read it: "1234.56 EUR".
func (a Amount) String() string {
	if a.Currency == "" {
		return ""
	}
	return a.Decimal('.') + " " + a.Currency
}

// IsZero tells whether there is no amount at all (not: zero euros).
func (a Amount) IsZero() bool { return a == Amount{} }

// Add sums two amounts of one currency; ErrCurrency when they differ, ErrOverflow beyond int64.
func (a Amount) Add(b Amount) (Amount, error) {
	if a.IsZero() {
		return b, nil
	}
	if b.IsZero() {
		return a, nil
	}
	if a.Currency != b.Currency {
		return Amount{}, fmt.Errorf("%w: %s and %s in one sum", ErrCurrency, a.Currency, b.Currency)
	}
	s := a.Minor + b.Minor
	if (s > a.Minor) != (b.Minor > 0) {
		return Amount{}, ErrOverflow
	}
	return Amount{s, a.Currency}, nil
}
