package connector

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/navette-connect/navette/connector/payment"
)

// states lists what became of the rows from the nth on.
func (s *stage) states(n int) (list []string) {
	for _, r := range s.rows()[n:] {
		list = append(list, strings.TrimSpace(string(r.State)+" "+r.Code))
	}
	return list
}

// Flows that share a namespace share the table, whatever they are called; apart from it nothing of theirs is known.
func TestKnownInASharedNamespace(t *testing.T) {
	for name, c := range map[string]struct {
		onKnown, namespace, amount, want string
		replaced                         bool
	}{
		"same":                 {"ignore", "n", "1,00", "duplicate NV-1405", false},
		"changed":              {"ignore", "n", "2,00", "rejected NV-1403", false},
		"changed, replaced":    {"replace_unpaid", "n", "2,00", "open", true},
		"same, rejected":       {"reject", "n", "1,00", "rejected NV-1405", false},
		"another namespace":    {"ignore", "m", "1,00", "open", false},
		"no namespace":         {"ignore", "", "1,00", "open", false},
		"no namespace, change": {"replace_unpaid", "", "2,00", "open", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, g := newTill(t, simMapping)
				s.flow = func(f *Flow) { f.Namespace = "n" }
				s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
				_ = s.once()
				s.name, s.flow = "g", func(f *Flow) { f.Namespace, f.OnKnown = c.namespace, c.onKnown }
				s.drop("b.csv", "Facture;Montant\nA1;"+c.amount+"\n\n")
				_ = s.once()
				if got := s.states(1); !slices.Equal(got, []string{c.want}) {
					t.Errorf("it is %q, want %s", got, c.want)
				}
				if cancelled := slices.Contains(g.log, "cancel p1 "); cancelled != c.replaced {
					t.Errorf("the PSP saw %v", g.log)
				}
			})
		})
	}
}

// A document of several parts is held against what is known of each, and goes or stays whole.
func TestKnownParts(t *testing.T) {
	const head = "Facture;M\n"
	for name, c := range map[string]struct {
		onKnown, onEnded string
		stand            map[string]payment.State // of the PSP's requests, before the document comes again
		again            string
		want             string
		asked            int // how many requests reached the PSP in all
	}{
		"same":                      {"ignore", "ignore", nil, "A1;1,00", "duplicate NV-1405", 2},
		"changed":                   {"ignore", "ignore", nil, "A1;2,00", "rejected NV-1403", 2},
		"changed, to be replaced":   {"replace_unpaid", "ignore", nil, "A1;2,00", "rejected NV-1403", 2}, // never in part
		"same, under reject":        {"reject", "ignore", nil, "A1;1,00", "rejected NV-1405", 2},
		"one paid, same":            {"ignore", "renew", map[string]payment.State{"p1": payment.Paid}, "A1;1,00", "duplicate NV-1405", 2},
		"one paid, changed":         {"replace_unpaid", "renew", map[string]payment.State{"p1": payment.Paid}, "A1;2,00", "rejected NV-1403", 2},
		"one expired, same":         {"ignore", "ignore", map[string]payment.State{"p2": payment.Expired}, "A1;1,00", "duplicate NV-1405", 2},
		"one expired, one open":     {"ignore", "renew", map[string]payment.State{"p2": payment.Expired}, "A1;1,00", "duplicate NV-1405", 2}, // the open one would be asked for twice
		"both expired, renewed":     {"ignore", "renew", map[string]payment.State{"p1": payment.Expired, "p2": payment.Expired}, "A1;1,00", "open", 4},
		"both expired, changed":     {"ignore", "ignore", map[string]payment.State{"p1": payment.Expired, "p2": payment.Expired}, "A1;2,00", "open", 4},
		"one paid, one expired":     {"ignore", "renew", map[string]payment.State{"p1": payment.Paid, "p2": payment.Expired}, "A1;1,00", "duplicate NV-1405", 2},
		"paid and expired, changed": {"ignore", "renew", map[string]payment.State{"p1": payment.Paid, "p2": payment.Expired}, "A1;2,00", "rejected NV-1403", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, g := newTill(t, regressParts)
				s.flow = func(f *Flow) { f.OnKnown, f.OnEnded = c.onKnown, c.onEnded }
				s.drop("a.csv", head+"A1;1,00\n")
				_ = s.once()
				for id, to := range c.stand {
					if to == payment.Paid {
						g.pay(id)
					} else {
						g.requests[id].State = to
					}
				}
				_ = s.once()
				first := len(s.rows())
				s.drop("b.csv", head+c.again+"\n\n")
				_ = s.once()
				for _, got := range s.states(first) {
					if got != c.want {
						t.Errorf("it is %s, want %s", got, c.want)
					}
				}
				if len(g.requests) != c.asked || len(s.rows()) == first {
					t.Errorf("the PSP saw %v, want %d requests", g.log, c.asked)
				}
			})
		})
	}
}

// txOps is targetOps with ids of transactions and names of parts.
func txOps() string {
	return strings.Replace(targetOps, ", required: true", "", 1) + "  - {name: transaction_id, column: Tx}\n  - {name: part, column: Part}\n"
}

// The remainder counts what was refunded by reference, by transaction id and by both, in whatever order.
func TestRemaindersByTransaction(t *testing.T) {
	const head = "Op;Ref;Dev;Montant;Tx;Part\n"
	synctest.Test(t, func(t *testing.T) {
		s, g := newTill(t, txOps())
		s.drop("a.csv", head+";A1;EUR;100,00;;\n")
		_ = s.once()
		g.pay("p1")
		g.requests["p1"].TransactionID = "T1"
		_ = s.once()
		s.flow = func(f *Flow) { f.Limits.Amount = "50.00" }
		s.drop("b.csv", head+"refund;;EUR;30,00;T1;\nrefund;;USD;1,00;T1;\nrefund;;EUR;70,01;T1;\nrefund;A1;EUR;40,00;;\nrefund;;EUR;30,01;T1;\nrefund;A1;EUR;TOUT;T1;\nrefund;;EUR;1,00;T1;\nrefund;;EUR;TOUT;T9;\n")
		_ = s.once()
		want := []string{"done", "rejected NV-1406", "rejected NV-1406", "done", "rejected NV-1406", "done", "rejected NV-1406", "held NV-1504"}
		if got := s.states(1); !slices.Equal(got, want) {
			t.Errorf("rows %q, want %q\n%v", got, want, g.log)
		}
	})
}

// tardy is a till whose operations take their time.
type tardy struct{ *till }

func (g tardy) Submit(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	out, err := g.till.Submit(ctx, in)
	if in.Kind == payment.Operate {
		out.State, out.PaymentID = payment.Pending, "o1"
	}
	return out, err
}

// Operations on one payment reach the PSP in file order, one at a time, whether they name its reference or its transaction.
func TestOrderByTransaction(t *testing.T) {
	const head = "Op;Ref;Dev;Montant;Tx;Part\n"
	synctest.Test(t, func(t *testing.T) {
		s, g := newTill(t, txOps())
		s.drop("a.csv", head+";A1;EUR;100,00;;\n")
		_ = s.once()
		g.pay("p1")
		g.requests["p1"].TransactionID = "T1"
		_ = s.once()
		s.gateway = tardy{g}
		s.drop("b.csv", head+"refund;A1;EUR;30,00;;\nrefund;;EUR;40,00;T1;\n")
		_ = s.once()
		if got := s.states(1); !slices.Equal(got, []string{"pending", "accepted"}) {
			t.Errorf("rows %q: the second did not wait", got)
		}
	})
}

// What an operation of ours did to a request is told soon, though one that is paid is read but once a day.
func TestOperationShowsInItsTarget(t *testing.T) {
	const head = "Op;Ref;Dev;Montant;Tx;Part\n"
	synctest.Test(t, func(t *testing.T) {
		s, g := newTill(t, txOps())
		s.drop("a.csv", head+";A1;EUR;100,00;;\n")
		_ = s.once()
		g.pay("p1")
		_ = s.once()
		g.before = func(_ *payment.Instruction, g *till) {
			r := g.requests["p1"]
			r.State, r.UpdatedAt = payment.Refunded, time.Now()
		}
		s.drop("b.csv", head+"refund;A1;EUR;100,00;;\n")
		s.run(5 * time.Minute)
		if got := s.states(0); !slices.Equal(got, []string{"refunded", "done"}) {
			t.Errorf("rows %q: the refund does not show in its request", got)
		}
	})
}

// An operation on a reference of several parts names its own: without it the PSP would choose one. The same act on two
// parts is two acts.
func TestOperationsOnParts(t *testing.T) {
	const head = "Op;Ref;Dev;Montant;Tx;Part\n"
	synctest.Test(t, func(t *testing.T) {
		s, g := newTill(t, txOps())
		s.drop("a.csv", head+";A1;EUR;10,00;;deposit\n;A1;EUR;20,00;;balance\n")
		_ = s.once()
		g.pay("p1")
		g.pay("p2")
		_ = s.once()
		var aims []string
		g.before = func(in *payment.Instruction, _ *till) { aims = append(aims, in.Target.PaymentID) }
		s.drop("b.csv", head+strings.Join([]string{
			"refund;A1;EUR;5,00;;deposit", "refund;A1;EUR;5,00;;balance", "refund;A1;EUR;5,00;;deposit", // a twin
			"refund;A1;EUR;5,00;;", "refund;A1;EUR;15,01;;balance", "refund;A1;EUR;1,00;;rest"}, "\n")+"\n")
		_ = s.once()
		want := []string{"done", "done", "held NV-1404", "rejected NV-1407", "rejected NV-1406", "held NV-1407"}
		if got := s.states(2); !slices.Equal(got, want) {
			t.Errorf("rows %q, want %q", got, want)
		}
		if got := fmt.Sprint(aims); got != "[p1 p2]" {
			t.Errorf("refunds of %s, want one of each", got)
		}
	})
}
