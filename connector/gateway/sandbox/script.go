package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/navette-connect/navette/connector/payment"
)

// Script says what the customers of a rehearsal do.
type Script struct {
	Rules      []Rule          `yaml:"rules"`        // the first that fits a payment request decides; none = it stays open
	Operations []OperationRule `yaml:"operations"`   // the first that fits an operation decides; none = the ordinary rules
	Known      []Known         `yaml:"transactions"` // transactions that were there before
}

// Rule is for the payment requests that fit all of its conditions.
type Rule struct {
	Match string `yaml:"match"` // of the reference: * any text, ? any character; "" = all
	Part  string `yaml:"part"`  // the same, of the part; "" = all
	Nth   int    `yaml:"nth"`   // only the Nth request of all
	Every int    `yaml:"every"` // only each Nth
	Step  `yaml:",inline"`
	Then  []Step `yaml:"then"` // each after the one before
}

// Step is one thing that happens to a payment request. A step that makes no sense where the request stands is left out.
type Step struct {
	After      Duration `yaml:"after" json:"after"`
	Pay        string   `yaml:"pay" json:"pay"`             // "full", or "100.00" in the request's currency
	Authorise  bool     `yaml:"authorise" json:"authorise"` // the card is authorised; a capture pays
	Fail       string   `yaml:"fail" json:"fail"`           // an attempt fails, for that reason
	Refuse     string   `yaml:"refuse" json:"refuse"`       // without `after`: the request itself is refused, with that code
	Expire     bool     `yaml:"expire" json:"expire"`
	Cancel     bool     `yaml:"cancel" json:"cancel"`           // by hand, in the PSP's back office
	Refund     string   `yaml:"refund" json:"refund"`           // "full" or a decimal, by hand
	ChargeBack string   `yaml:"charge_back" json:"charge_back"` // "full" or a decimal
	Settle     bool     `yaml:"settle" json:"settle"`
	View       bool     `yaml:"view" json:"view"`
	Method     string   `yaml:"method" json:"method"` // of a payment; default "CB"
	Reason     string   `yaml:"reason" json:"reason"`
}

// OperationRule is for the operations that fit.
type OperationRule struct {
	Match     string   `yaml:"match"`     // of the reference
	Operation string   `yaml:"operation"` // "" = any
	Refuse    string   `yaml:"refuse"`    // code
	Reason    string   `yaml:"reason"`
	Pending   Duration `yaml:"pending"` // answered `pending`, finished that long after
}

// Known is a transaction from before.
type Known struct {
	ID        string `yaml:"id"`
	Reference string `yaml:"reference"`
	Amount    string `yaml:"amount"`
	Currency  string `yaml:"currency"` // default EUR
	State     string `yaml:"state"`    // authorised (default), captured or cancelled
	Expired   bool   `yaml:"expired"`  // its card is: it cannot be duplicated

	amount money
	state  string
}

// DefaultScript is for a rehearsal with anybody's file: most customers pay soon, one needs a second attempt, one pays in
// two goes, one forgets. The transactions are those of the sample file of operations.
const DefaultScript = `
rules:
  - {match: "*REFUS*", refuse: customer_blocked, reason: "this customer is blocked"}
  - {nth: 2, after: 1s, view: true, then: [{after: 1s, fail: "insufficient funds"}, {after: 3s, pay: full}]}
  - {nth: 4, after: 6s, expire: true}
  - {nth: 6, after: 2s, pay: "10.00", then: [{after: 3s, pay: full, method: PRLV}]}
  - {after: 2s, pay: full}
transactions:
  - {id: T-91200, reference: CW00098120, amount: "129.00"}
  - {id: T-91201, reference: CW00098121, amount: "60.00"}
  - {id: T-91203, reference: CW00098122, amount: "35.00"}
  - {id: T-91204, reference: CW00098123, amount: "80.00"}
  - {id: T-90044, reference: FA26-00413, amount: "345.00", state: captured}
  - {id: T-89911, reference: FA26-00390, amount: "1500.00", state: captured}
  - {id: T-90950, reference: CW00098088, amount: "19.90", state: captured, expired: true}
`

// ParseScript reads a script; an error names line and column.
func ParseScript(src []byte) (*Script, error) {
	var s Script
	if err := yaml.NewDecoder(bytes.NewReader(src), yaml.Strict()).Decode(&s); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("script: %w", err)
	}
	for i := range s.Rules {
		r := &s.Rules[i]
		for _, st := range append([]Step{r.Step}, r.Then...) {
			if err := st.check(); err != nil {
				return nil, fmt.Errorf("script: rule %d: %w", i+1, err)
			}
		}
	}
	for i, r := range s.Operations {
		if r.Operation != "" && !slices.Contains(payment.Operations[:], payment.Operation(r.Operation)) {
			return nil, fmt.Errorf("script: operation rule %d: operation %q is unknown", i+1, r.Operation)
		}
	}
	for i := range s.Known {
		if err := s.Known[i].complete(); err != nil {
			return nil, fmt.Errorf("script: transaction %d: %w", i+1, err)
		}
	}
	return &s, nil
}

func (k *Known) complete() error {
	if k.ID == "" {
		return errors.New("no id")
	}
	if k.Currency == "" {
		k.Currency = "EUR"
	}
	a, err := payment.ParseDecimal(k.Amount, k.Currency)
	if err != nil {
		return err
	}
	k.amount = money{a.Minor, a.Currency}
	words := map[string]string{"": authorised, "authorised": authorised, "captured": captured, "cancelled": cancelled}
	state, ok := words[k.State]
	if !ok {
		return fmt.Errorf("state %q is none of authorised, captured, cancelled", k.State)
	}
	k.state = state
	return nil
}

// check wants one deed at most, and amounts that can be amounts.
func (s *Step) check() error {
	deeds := 0
	for _, done := range []bool{s.Pay != "", s.Authorise, s.Fail != "", s.Refuse != "", s.Expire, s.Cancel, s.Refund != "", s.ChargeBack != "", s.Settle, s.View} {
		if done {
			deeds++
		}
	}
	if deeds > 1 {
		return errors.New("one step does one thing; use `then` for the next")
	}
	for _, a := range []string{s.Pay, s.Refund, s.ChargeBack} {
		if a == "" || a == "full" {
			continue
		}
		if v, err := payment.ParseDecimal(a, "BHD"); err != nil || v.Minor <= 0 { // three decimals: the currency is not known yet
			return fmt.Errorf("%q is neither full nor an amount such as 100.00", a)
		}
	}
	return nil
}

// rule gives the rule for a request, nil if none fits.
func (s *Script) rule(reference, part string, number int) *Rule {
	for i := range s.Rules {
		r := &s.Rules[i]
		if (r.Match == "" || glob(r.Match, reference)) && (r.Part == "" || glob(r.Part, part)) &&
			(r.Nth == 0 || r.Nth == number) && (r.Every < 2 || number%r.Every == 0) {
			return r
		}
	}
	return nil
}

// operation gives the rule for an operation, nil if none fits.
func (s *Script) operation(o *order) *OperationRule {
	for i := range s.Operations {
		r := &s.Operations[i]
		if (r.Match == "" || glob(r.Match, o.Reference)) && (r.Operation == "" || r.Operation == o.Operation) {
			return r
		}
	}
	return nil
}

// glob matches * (any text, slashes too: references have them) and ? (any character).
func glob(pattern, s string) bool {
	p, t := []rune(pattern), []rune(s)
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(t) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == t[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

// scheduled is a step with its time.
type scheduled struct {
	At   time.Time `json:"at"`
	Step Step      `json:"step"`
}

// plan gives the steps of a rule in time; the first refusal of a rule without `after` is not one of them.
func (r *Rule) plan(from time.Time) []scheduled {
	var list []scheduled
	at := from
	for _, s := range append([]Step{r.Step}, r.Then...) {
		at = at.Add(time.Duration(s.After))
		if s != (Step{After: s.After}) {
			list = append(list, scheduled{at, s})
		}
	}
	return list
}

// agenda is a heap of requests by the time of their next step; each stands in it once.
type agenda []appointment

type appointment struct {
	at time.Time
	id string
}

func (a agenda) before(i, j int) bool {
	if a[i].at.Equal(a[j].at) {
		return a[i].id < a[j].id
	}
	return a[i].at.Before(a[j].at)
}

func (a *agenda) add(at time.Time, id string) {
	*a = append(*a, appointment{at, id})
	h := *a
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h.before(i, up) {
			break
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

// next gives the first appointment if it is due.
func (a agenda) next(now time.Time) (id string, at time.Time, ok bool) {
	if len(a) == 0 || a[0].at.After(now) {
		return "", time.Time{}, false
	}
	return a[0].id, a[0].at, true
}

// drop removes the first appointment.
func (a *agenda) drop() {
	h := *a
	n := len(h) - 1
	h[0] = h[n]
	h = h[:n]
	for i := 0; ; {
		low := 2*i + 1
		if low >= n {
			break
		}
		if low+1 < n && h.before(low+1, low) {
			low++
		}
		if !h.before(low, i) {
			break
		}
		h[i], h[low] = h[low], h[i]
		i = low
	}
	*a = h
}
