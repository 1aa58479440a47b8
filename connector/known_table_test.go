package connector

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/navette-connect/navette/connector/payment"
)

// The table of contract §4a for requests, cell by cell, from outside: a known request is brought to a state, then comes
// again unchanged or with another amount; what matters is the answer and what reached the PSP.
func TestKnownTable(t *testing.T) {
	const dup, known, anew, replaced, rejected = "duplicate NV-1405", "rejected NV-1403", "sent", "replaced", "rejected NV-1405"
	type cell struct{ state, onKnown, onEnded, same, other string }
	var cells []cell
	for _, state := range []string{"accepted", "held", "sending", "uncertain", "authorised", "partially_paid", "paid", "settled", "refunded", "partially_refunded", "charged_back"} {
		for _, on := range []string{"ignore", "replace_unpaid", "reject"} {
			c := cell{state, on, "ignore", dup, known}
			if on == "reject" {
				c.same = rejected
			}
			cells = append(cells, c)
		}
	}
	cells = append(cells,
		cell{"open", "ignore", "ignore", dup, known}, cell{"open", "replace_unpaid", "ignore", dup, replaced}, cell{"open", "reject", "ignore", rejected, known},
		cell{"refused", "ignore", "ignore", dup, anew}, cell{"refused", "replace_unpaid", "renew", dup, anew}, cell{"refused", "reject", "ignore", rejected, known})
	for _, state := range []string{"expired", "cancelled"} {
		cells = append(cells, cell{state, "ignore", "ignore", dup, anew}, cell{state, "ignore", "renew", anew, anew}, cell{state, "replace_unpaid", "ignore", dup, anew}, cell{state, "reject", "ignore", rejected, known}, cell{state, "reject", "renew", rejected, known})
	}
	for _, c := range cells {
		for amount, want := range map[string]string{"1,00": c.same, "2,00": c.other} {
			t.Run(strings.Join([]string{c.state, c.onKnown, c.onEnded, amount}, " "), func(t *testing.T) {
				t.Parallel() // each waits for its own fsyncs
				synctest.Test(t, func(t *testing.T) {
					if got := again(t, c.state, c.onKnown, c.onEnded, amount); got != want {
						t.Errorf("it is %s, want %s", got, want)
					}
				})
			})
		}
	}
}

// again brings a request to a state, drops it once more with an amount, and tells what became of that.
func again(t *testing.T, state, onKnown, onEnded, amount string) string {
	s, g := newTill(t, simMapping)
	second := func() { s.drop("b.csv", "Facture;Montant\n"+"A1;"+amount+"\n"+"\n") }
	switch state {
	case "sending":
		s.gateway = &busy{till: g, meanwhile: func() {
			second()
			time.Sleep(8 * time.Second)
			if r := s.rows(); len(r) != 2 || r[0].State != "sending" {
				t.Errorf("it was not judged while the known one was on its way: %+v", r)
			}
		}}
	case "uncertain":
		s.gateway = lossy{g}
	case "refused":
		s.gateway = refusing{g, 1}
	}
	s.flow = func(f *Flow) {
		f.OnKnown, f.OnEnded = onKnown, onEnded
		switch state {
		case "accepted":
			f.Delay = time.Hour
		case "held":
			f.Limits.Amount = "0.50"
		}
	}
	s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
	_ = s.once()
	if r := g.requests["p1"]; r != nil && state != "open" {
		// News of a state may lead through others.
		for _, to := range map[string][]string{"settled": {"paid"}, "refunded": {"paid"}, "partially_refunded": {"paid"}, "charged_back": {"paid"}}[state] {
			g.stand(to)
			_ = s.once()
		}
		g.stand(state)
		time.Sleep(25 * time.Hour)
		_ = s.once()
	}
	if state == "sending" {
		if len(g.log) != 1 {
			t.Errorf("the PSP saw %v, want the first one alone", g.log)
		}
		r := s.rows()[1]
		return fmt.Sprint(r.State, " ", r.Code)
	}
	if r := s.rows(); string(r[0].State) != state {
		t.Fatalf("the known one is %s, want %s", r[0].State, state)
	}
	was := len(g.log)
	second()
	_ = s.once()
	time.Sleep(time.Minute)
	_ = s.once()
	switch log := strings.Join(g.log[was:], ","); {
	case strings.HasPrefix(log, "cancel p1 ,request A1"):
		return "replaced"
	case strings.HasPrefix(log, "request A1"):
		return "sent"
	case log != "":
		return log
	}
	r := s.rows()[1]
	return fmt.Sprint(r.State, " ", r.Code)
}

// stand lets the first request stand in a state, with the money that belongs to it.
func (g *till) stand(state string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.requests["p1"]
	r.State, r.UpdatedAt = payment.State(state), time.Now()
	paid := map[string]int64{"paid": 100, "settled": 100, "partially_paid": 40, "partially_refunded": 60}[state]
	r.Paid = payment.Amount{Minor: paid, Currency: "EUR"}
}

// busy is a till during whose first answer something else happens.
type busy struct {
	*till
	meanwhile func()
}

func (g *busy) Submit(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	if fn := g.meanwhile; fn != nil {
		g.meanwhile = nil
		fn()
	}
	return g.till.Submit(ctx, in)
}

// lossy loses every answer; refusing refuses the first n requests.
type lossy struct{ *till }

func (lossy) Submit(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	return payment.Outcome{}, payment.ErrUncertain
}

type refusing struct {
	*till
	n int
}

func (g refusing) Submit(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	if in.Revision < g.n {
		return payment.Outcome{Verdict: payment.VerdictRefused, Code: "NV-2001", Message: "[x] no"}, nil
	}
	return g.till.Submit(ctx, in)
}

// What is known from another flow, on another account, or with older values is held, whatever flow and values say; a
// namespace keeps numberings apart, and flows that share one share the table.
func TestKnownElsewhere(t *testing.T) {
	for name, c := range map[string]struct {
		second func(*Flow)
		name   string
		amount string
		want   string
	}{
		"other flow, same":       {nil, "g", "1,00", "held NV-1404"},
		"other flow, changed":    {nil, "g", "2,00", "held NV-1404"},
		"other account, same":    {func(f *Flow) { f.Account = "psp:other" }, "f", "1,00", "held NV-1404"},
		"own namespace":          {func(f *Flow) { f.Namespace = "n" }, "g", "1,00", "open "},
		"replace, other flow":    {func(f *Flow) { f.OnKnown = "replace_unpaid" }, "g", "2,00", "held NV-1404"},
		"renew, other flow":      {func(f *Flow) { f.OnEnded = "renew" }, "g", "1,00", "held NV-1404"},
		"reject, other flow":     {func(f *Flow) { f.OnKnown = "reject" }, "g", "2,00", "held NV-1404"},
		"same flow, the control": {nil, "f", "1,00", "duplicate NV-1405"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, _ := newTill(t, simMapping)
				s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
				_ = s.once()
				s.name, s.flow = c.name, c.second
				s.drop("b.csv", "Facture;Montant\nA1;"+c.amount+"\n\n")
				_ = s.once()
				if r := s.rows()[1]; fmt.Sprint(r.State, " ", r.Code) != c.want {
					t.Errorf("it is %s %s, want %s", r.State, r.Code, c.want)
				}
			})
		})
	}
	t.Run("older values", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, g := newTill(t, simMapping)
			s.flow = func(f *Flow) { f.OnKnown = "replace_unpaid" }
			for i, amount := range []string{"1,00", "2,00", "1,00"} {
				s.drop(fmt.Sprint("f", i, ".csv"), "Facture;Montant\nA1;"+amount+"\n"+strings.Repeat("\n", i))
				_ = s.once()
			}
			if r := s.rows()[2]; r.State != "held" || r.Code != "NV-1404" || len(g.log) != 3 {
				t.Errorf("it is %s %s, want held NV-1404; the PSP saw %v", r.State, r.Code, g.log)
			}
		})
	})
}

// The table for operations: with a key of the ERP's and without.
func TestKnownOperations(t *testing.T) {
	const keyed = targetOps + "  - {name: key, column: Cle}\n"
	const head = "Op;Ref;Dev;Montant;Cle\n"
	for name, c := range map[string]struct{ onKnown, first, second, want string }{
		"key, same":              {"ignore", "refund;A1;EUR;1,00;k1", "refund;A1;EUR;1,00;k1", "duplicate NV-1405"},
		"key, same, reject":      {"reject", "refund;A1;EUR;1,00;k1", "refund;A1;EUR;1,00;k1", "rejected NV-1405"},
		"key, other values":      {"ignore", "refund;A1;EUR;1,00;k1", "refund;A1;EUR;2,00;k1", "rejected NV-1403"},
		"other key, same values": {"ignore", "refund;A1;EUR;1,00;k1", "refund;A1;EUR;1,00;k2", "done "},
		"no key, same":           {"ignore", "refund;A1;EUR;1,00;", "refund;A1;EUR;1,00;", "held NV-1404"},
		"no key, other amount":   {"ignore", "refund;A1;EUR;1,00;", "refund;A1;EUR;2,00;", "done "},
		"consult is exempt":      {"ignore", "consult;A1;EUR;;", "consult;A1;EUR;;", "done "},
		"other currency":         {"ignore", "consult;A1;EUR;;", "refund;A1;USD;1,00;", "rejected NV-1406"},
		"beyond the remainder":   {"ignore", "refund;A1;EUR;60,00;", "refund;A1;EUR;40,01;", "rejected NV-1406"},
		"within the remainder":   {"ignore", "refund;A1;EUR;60,00;", "refund;A1;EUR;40,00;", "done "},
		"nothing is left":        {"ignore", "refund;A1;EUR;TOUT;", "refund;A1;EUR;1,00;", "rejected NV-1406"},
	} {
		for _, oneFile := range []bool{false, true} {
			want := c.want
			if oneFile && strings.HasPrefix(name, "key") {
				want = "rejected NV-1401" // twice in a file, whatever the values
			}
			t.Run(fmt.Sprint(name, ", one file ", oneFile), func(t *testing.T) {
				t.Parallel() // each waits for its own fsyncs
				synctest.Test(t, func(t *testing.T) {
					s, g := newTill(t, keyed)
					s.flow = func(f *Flow) { f.OnKnown = c.onKnown }
					s.drop("a.csv", head+";A1;EUR;100,00;\n")
					_ = s.once()
					g.pay("p1")
					_ = s.once()
					if oneFile {
						s.drop("b.csv", head+c.first+"\n"+c.second+"\n")
					} else {
						s.drop("b.csv", head+c.first+"\n")
						_ = s.once()
						s.drop("c.csv", head+c.second+"\n\n")
					}
					_ = s.once()
					if r := s.rows()[2]; fmt.Sprint(r.State, " ", r.Code) != want {
						t.Errorf("it is %s %s, want %s", r.State, r.Code, want)
					}
				})
			})
		}
	}
}
