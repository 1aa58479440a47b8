package connector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/payment"
)

// manyRows is a file of n requests, more than may be in flight at once.
func manyRows(n int) string {
	var b strings.Builder
	b.WriteString("Facture;Montant\n")
	for i := range n {
		fmt.Fprintf(&b, "A%d;1,00\n", i+1)
	}
	return b.String()
}

// slowly is a PSP that takes everything, each in its time.
func slowly(in *payment.Instruction, n int) (payment.Outcome, error) {
	time.Sleep(10 * time.Millisecond)
	return taken(in, n)
}

// TestAnswersOutliveTheirRide: answers that wait for the next group's commit are kept, though it comes to nothing.
func TestAnswersOutliveTheirRide(t *testing.T) {
	const n = 90
	type till struct {
		*stage
		answered *atomic.Int64
	}
	for point, refuse := range map[string]func(s till, err func() error){
		"before the commit": func(s till, err func() error) {
			s.fault = func(point string) error {
				if point == "sending" {
					return err()
				}
				return nil
			}
		},
		"by the commit": func(s till, err func() error) {
			s.commits = func(point string) error {
				if k := s.answered.Load(); point == "commit" && k > 0 && k < n {
					return err()
				}
				return nil
			}
		},
	} {
		t.Run(point, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var answered atomic.Int64
				s := newStage(t, simMapping, func(in *payment.Instruction, n int) (payment.Outcome, error) {
					defer answered.Add(1)
					return slowly(in, n)
				})
				s.drop("a.csv", manyRows(n))
				asked := 0
				refuse(till{s, &answered}, func() error {
					if asked++; asked%2 == 0 {
						return errors.New("not now")
					}
					return nil
				})
				if err := s.once(); err != nil {
					t.Error(err)
				}
				s.allAnswered(n)
			})
		})
	}
}

// TestRideMeetsADecision: a row of the group is held while answers wait for its commit. It is not sent, the others are, and
// the answers are kept.
func TestRideMeetsADecision(t *testing.T) {
	const n = 90
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, slowly)
		s.drop("a.csv", manyRows(n))
		var j *journal.Journal
		s.setup = func(set *Setup) { j = set.Journal }
		do := func(statements ...string) (err error) {
			return j.Do(t.Context(), func(tx *journal.Tx) error {
				for _, q := range statements {
					err = errors.Join(err, tx.Exec(q))
				}
				return err
			})
		}
		groups := 0
		s.fault = func(point string) error {
			if point != "sending" {
				return nil
			}
			if groups++; groups != 3 {
				return nil
			}
			return do("UPDATE instruction SET state = 'held' WHERE id = (SELECT min(id) FROM instruction WHERE state = 'accepted')",
				"UPDATE tally SET n = n - 1 WHERE state = 'accepted'", "INSERT INTO tally VALUES ('f', 'held', 1)")
		}
		s.after = func(*Connector) {
			held := slices.DeleteFunc(s.rows(), func(e journal.Entry) bool { return e.State != string(payment.Held) })
			if len(held) != 1 {
				t.Fatalf("%d groups, held %v", groups, held)
			}
			for _, in := range s.psp.submits {
				if in.Reference == held[0].Reference {
					t.Error("the held row was sent")
				}
			}
			s.psp.submits = append(s.psp.submits, payment.Instruction{})
			if err := do("UPDATE instruction SET state = 'open', finished = 1 WHERE state = 'held'"); err != nil {
				t.Error(err)
			}
		}
		if err := s.once(); err != nil {
			t.Error(err)
		}
		s.allAnswered(n)
	})
}

// TestGroupsKeepTheirBound: however answers and groups are written, no more stands as sending than a crash may leave in doubt.
func TestGroupsKeepTheirBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, slowly)
		s.drop("a.csv", manyRows(90))
		var j *journal.Journal
		s.setup = func(set *Setup) { j = set.Journal }
		most := 0
		s.fault = func(point string) error {
			if point == "submit" {
				list, err := j.Entries(t.Context(), "", string(payment.Sending), 100)
				if err != nil {
					t.Error(err)
				}
				most = max(most, len(list))
			}
			return nil
		}
		if err := s.once(); err != nil {
			t.Error(err)
		}
		if most != 64 {
			t.Errorf("%d stood as sending, want 64 at most, and as many", most)
		}
	})
}

// forgetful is a PSP that loses the first requests and knows nothing of them.
type forgetful struct {
	*scripted
	lost    int
	lookups atomic.Int64
}

func (g *forgetful) Submit(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	out, err := g.scripted.Submit(ctx, in)
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.submits) <= g.lost {
		return payment.Outcome{}, payment.ErrUncertain
	}
	return out, err
}

func (g *forgetful) Lookup(context.Context, *payment.Instruction) (payment.Outcome, error) {
	g.lookups.Add(1)
	return payment.Outcome{}, payment.ErrUnknown
}

// TestDoubtsFindRoom: what is to be sent again does not wait for the end of a large file, and is not asked about again and
// again while it waits for room.
func TestDoubtsFindRoom(t *testing.T) {
	const n, lost = 900, 30
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping, slowly)
		g := &forgetful{scripted: s.psp, lost: lost}
		s.gateway = g
		s.setup = func(set *Setup) { set.Accounts[0].Settle = 100 * time.Millisecond }
		s.drop("a.csv", manyRows(n))
		if err := s.once(); err != nil {
			t.Error(err)
		}
		last, times := 0, map[string]int{}
		for i, in := range s.psp.submits {
			if times[in.Key]++; times[in.Key] == 2 {
				last = i
			}
		}
		if len(times) != n || len(s.psp.submits) != n+lost {
			t.Errorf("%d submits of %d rows, want %d of %d", len(s.psp.submits), len(times), n+lost, n)
		}
		if last > n/2 {
			t.Errorf("the last of %d lost rows was sent again as number %d of %d", lost, last, n+lost)
		}
		if k := g.lookups.Load(); k < 2*lost || k > 3*lost {
			t.Errorf("%d look-ups for %d lost rows", k, lost)
		}
	})
}

// allAnswered tells that each of n rows was sent once and is open, and nothing was looked up.
func (s *stage) allAnswered(n int) {
	s.t.Helper()
	states := map[string]int{}
	for _, e := range s.rows() {
		states[e.State]++
	}
	if states[string(payment.Open)] != n || len(states) != 1 {
		s.t.Errorf("states %v, want %d open", states, n)
	}
	if len(s.psp.submits) != n || s.psp.lookups > 0 {
		s.t.Errorf("%d submits and %d look-ups, want %d and none", len(s.psp.submits), s.psp.lookups, n)
	}
}
