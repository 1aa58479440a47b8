package lyrasim

import (
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/navette-connect/navette/connector/gateway/simkit"
)

// Script is what customers do: the first rule that fits a new payment order decides; none: it stays open.
type Script struct {
	Rules []Rule `yaml:"rules"`
}

// Rule is one kind of customer.
type Rule struct {
	Match string `yaml:"match"` // of the orderId: * any text, ? any character; "" = all
	Nth   int    `yaml:"nth"`   // only the Nth order of all
	Every int    `yaml:"every"` // only each Nth
	Step  `yaml:",inline"`
}

// Step is one thing a customer does.
type Step struct {
	After Duration `yaml:"after"`
	Pay   bool     `yaml:"pay"`
	Fail  string   `yaml:"fail"`  // an attempt the bank refuses, with this code (51, 05 …); the order stays open
	Final bool     `yaml:"final"` // … and it was the last one: the order is refused
	Then  []Step   `yaml:"then"`
}

// Duration is a time.Duration written as people do.
type Duration = simkit.Duration

// ParseScript reads a script; unknown keys are errors.
func ParseScript(b []byte) (*Script, error) {
	var s Script
	if err := yaml.UnmarshalWithOptions(b, &s, yaml.Strict()); err != nil {
		return nil, err
	}
	for _, r := range s.Rules {
		if _, err := path.Match(r.Match, ""); err != nil {
			return nil, fmt.Errorf("match %q: %w", r.Match, err)
		}
	}
	return &s, nil
}

// DefaultScript has most customers pay after two seconds, and each third fail first.
func DefaultScript() *Script {
	pay := Step{After: Duration(2 * time.Second), Pay: true}
	return &Script{Rules: []Rule{{Match: "*REFUS*", Step: Step{After: pay.After, Fail: "05", Final: true}}, {Every: 3, Step: Step{After: Duration(time.Second), Fail: "51", Then: []Step{pay}}}, {Step: pay}}}
}

// plan is a step that will fall due.
type plan struct {
	at    time.Time
	order string
	step  Step
}

// expect plans what the customer of a new order will do.
func (p *PSP) expect(o *order) {
	if p.opts.Script == nil {
		return
	}
	n := len(p.list)
	for _, r := range p.opts.Script.Rules {
		fits, err := path.Match(r.Match, o.orderID)
		if r.Match == "" {
			fits = true
		}
		if err != nil || !fits || r.Nth > 0 && n != r.Nth || r.Every > 0 && n%r.Every != 0 {
			continue
		}
		p.plans = append(p.plans, plan{p.now().Add(time.Duration(r.After)), o.id, r.Step})
		return
	}
}

// pass does everything that is due: late calls, customers, expiry, authorisation on the eve, the evening's remittance.
func (p *PSP) pass() {
	now := p.now()
	for i := 0; i < len(p.late); i++ {
		if l := p.late[i]; !l.at.After(now) {
			p.late = slices.Delete(p.late, i, i+1)
			i--
			p.effect(l.call)
		}
	}
	for done := true; done; {
		done = false
		for i, pl := range p.plans {
			if pl.at.After(now) {
				continue
			}
			p.plans = slices.Delete(p.plans, i, i+1)
			p.step(pl)
			done = true
			break
		}
	}
	for _, o := range p.list {
		if o.status == "RUNNING" && !o.expires.After(now) {
			o.status, o.updated = "EXPIRED", o.expires
		}
	}
	for _, t := range p.history {
		p.age(t, now)
	}
}

func (p *PSP) step(pl plan) {
	o := p.orders[pl.order]
	switch {
	case o == nil || o.status != "RUNNING" || !o.expires.After(pl.at):
		return
	case pl.step.Pay:
		p.pay(o, pl.at)
	case pl.step.Fail != "":
		p.fail(o, pl.at, pl.step.Fail, pl.step.Final)
	}
	for _, next := range pl.step.Then {
		p.plans = append(p.plans, plan{pl.at.Add(time.Duration(next.After)), pl.order, next})
	}
}

// pay is a customer who pays: authorised now where the capture is near enough, else on its eve.
func (p *PSP) pay(o *order, at time.Time) {
	t := p.attempt(o, at)
	t.expected = at.Add(time.Duration(o.delay) * 24 * time.Hour)
	t.detailed = "AUTHORISED"
	if t.expected.Sub(at) > authorisationLife {
		t.detailed = "WAITING_AUTHORISATION"
	}
	if o.manual {
		t.detailed += "_TO_VALIDATE"
	}
	o.status, o.updated = "PAID", at
	p.notify(t)
}

func (p *PSP) fail(o *order, at time.Time, code string, final bool) {
	t := p.attempt(o, at)
	t.detailed, t.code, t.detail = "REFUSED", "ACQ_001", code
	if final {
		o.status, o.updated = "REFUSED", at
	}
	p.notify(t)
}

func (p *PSP) attempt(o *order, at time.Time) *transaction {
	return p.add(&transaction{orderID: o.orderID, order: o, method: "CARD", brand: "CB", operation: "DEBIT", amount: o.amount, total: o.amount, currency: o.currency,
		created: at, manual: o.manual, metadata: o.metadata, mode: o.mode})
}

func (p *PSP) add(t *transaction) *transaction {
	t.uuid = p.newID()
	p.txs[t.uuid] = t
	p.history = append(p.history, t)
	return t
}

// age moves one transaction on.
func (p *PSP) age(t *transaction, now time.Time) {
	was := t.detailed
	for {
		before := t.detailed
		switch t.detailed {
		case "WAITING_AUTHORISATION":
			if !now.Before(t.expected.Add(-24 * time.Hour)) {
				t.detailed = "AUTHORISED"
			}
		case "AUTHORISED_TO_VALIDATE":
			if !now.Before(t.created.Add(authorisationLife)) {
				t.detailed = "EXPIRED"
			}
		case "WAITING_AUTHORISATION_TO_VALIDATE":
			if !now.Before(t.expected) {
				t.detailed = "EXPIRED"
			}
		case "AUTHORISED":
			if b := batchAfter(t.expected); !b.After(now) {
				t.detailed, t.captured = "CAPTURED", b
			}
		}
		if t.detailed == before {
			break
		}
	}
	if t.detailed != was {
		p.notify(t)
	}
}

// batchAfter is the first evening's remittance at or after a time.
func batchAfter(t time.Time) time.Time {
	b := time.Date(t.Year(), t.Month(), t.Day(), batchHour, 0, 0, 0, time.UTC)
	if b.Before(t) {
		b = b.Add(24 * time.Hour)
	}
	return b
}
