package connector

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/payment"
	"github.com/navette-connect/navette/transports"
	"github.com/navette-connect/navette/transports/local"
)

// markedBox is a folder that takes markers; local folders do.
type markedBox struct {
	ownedBox
	transports.Replacer
}

// remembering is a PSP that can be asked by the key.
type remembering struct {
	*till
	keys map[string]string // of what was sent, to its id
}

func (g *remembering) Submit(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	out, err := g.till.Submit(ctx, in)
	g.keys[in.Key] = out.PaymentID
	return out, err
}

func (g *remembering) Lookup(_ context.Context, in *payment.Instruction) (payment.Outcome, error) {
	if id, sent := g.keys[in.Key]; sent {
		return payment.Outcome{Verdict: payment.VerdictDone, State: payment.Open, PaymentID: id, Reference: in.Reference, Amount: in.Amount}, nil
	}
	return payment.Outcome{}, payment.ErrUnknown
}

func newMarked(t *testing.T) (*stage, *till) {
	s, g := newTill(t, simMapping)
	s.gateway = &remembering{g, map[string]string{}}
	s.flow = func(f *Flow) {
		f.Inbox = markedBox{ownedBox{f.Inbox, ""}, local.New(local.Options{})}
	}
	s.setup = func(c *Setup) { c.Host, c.StateDir = "host", filepath.Join(s.dir, "state") }
	return s, g
}

// A journal that is new where another one worked sends nothing; after recover each row is looked up first.
func TestLostJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newMarked(t)
		s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
		if err := s.once(); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Join(s.dir, "state")); err != nil {
			t.Fatal(err)
		}
		s.drop("b.csv", "Facture;Montant\nA1;1,00\nA2;2,00\n")
		if err := s.once(); err == nil || !strings.Contains(err.Error(), "recover") {
			t.Errorf("once: %v, want a word about recover", err)
		}
		_ = s.once()
		if len(g.log) != 1 {
			t.Fatalf("sent with a journal that knows nothing: %v", g.log)
		}
		if c := s.decide("recover", "journal", ""); c.State != "done" {
			t.Fatalf("recover: %+v", c)
		}
		if err := s.once(); err != nil {
			t.Error(err)
		}
		if len(g.log) != 2 || g.log[1] != "request A2 2.00 EUR" {
			t.Errorf("the PSP saw %v; A1 was there already", g.log)
		}
		if r := s.rows(); r[0].State != "open" || r[1].State != "open" {
			t.Errorf("rows %+v", r)
		}
	})
}

// An older copy of the journal, put back, is told by the marker; a person may take it as it is.
func TestOlderJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newMarked(t)
		s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
		_ = s.once()
		old := filepath.Join(s.dir, "old")
		if err := os.CopyFS(old, os.DirFS(filepath.Join(s.dir, "state"))); err != nil {
			t.Fatal(err)
		}
		s.drop("b.csv", "Facture;Montant\nA2;2,00\n")
		_ = s.once()
		if err := os.RemoveAll(filepath.Join(s.dir, "state")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(old, filepath.Join(s.dir, "state")); err != nil {
			t.Fatal(err)
		}
		s.drop("c.csv", "Facture;Montant\nA2;2,00\n")
		_ = s.once()
		if len(g.log) != 2 {
			t.Fatalf("sent with a journal that has forgotten: %v", g.log)
		}
		var why string
		s.view(func(j *journal.Journal) (err error) { why, err = j.Meta(t.Context(), "recover"); return err })
		if !strings.Contains(why, "older copy") {
			t.Errorf("why: %q", why)
		}
		also := s.setup
		s.setup = func(c *Setup) { also(c); c.NewJournal = true }
		_ = s.once()
		if len(g.log) != 3 {
			t.Errorf("--new-journal: the PSP saw %v, want A2 once more, as the person chose", g.log)
		}
	})
}

// farBox is a server that can be away.
type farBox struct {
	markedBox
	away *bool
}

func (farBox) Claiming() transports.Claim { return transports.ClaimRename }

func (b farBox) Open(ctx context.Context, path string) (io.ReadCloser, error) {
	if *b.away {
		return nil, fmt.Errorf("%w: away", transports.ErrRetry)
	}
	return b.markedBox.Open(ctx, path)
}

func (b farBox) Replace(ctx context.Context, path string, r io.Reader, mode uint32) error {
	if *b.away {
		return fmt.Errorf("%w: away", transports.ErrRetry)
	}
	return b.markedBox.Replace(ctx, path, r, mode)
}

// closedTill sends nothing while it is shut.
type closedTill struct {
	Gateway
	shut *bool
}

func (g closedTill) Submit(ctx context.Context, in *payment.Instruction) (payment.Outcome, error) {
	if *g.shut {
		return payment.Outcome{}, payment.ErrNotSent
	}
	return g.Gateway.Submit(ctx, in)
}

// While the only marker stands on a server that is away, nothing that an earlier process left is sent: this may be an
// older copy of the journal. It is sent once the marker can be read, or once a person says recover.
func TestMarkerAway(t *testing.T) {
	for _, recovers := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s, g := newMarked(t)
			var away, shut bool
			s.gateway = closedTill{s.gateway, &shut}
			s.flow = func(f *Flow) {
				f.Inbox = farBox{markedBox{ownedBox{f.Inbox, ""}, local.New(local.Options{})}, &away}
			}
			shut = true
			s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
			if err := s.once(); err == nil {
				t.Error("the PSP was shut, and once knows nothing of it")
			}
			away, shut = true, false
			if err := s.once(); err == nil || !strings.Contains(err.Error(), "marker") {
				t.Errorf("once: %v, want a word about the marker", err)
			}
			if len(g.log) > 0 {
				t.Fatalf("sent while no marker could be read: %v", g.log)
			}
			if recovers {
				s.decide("recover", "journal", "")
			} else {
				away = false
			}
			_ = s.once()
			if len(g.log) != 1 {
				t.Errorf("recovered %v: the PSP saw %v, want A1", recovers, g.log)
			}
		})
	}
}

// TestMarkerFollows: within one life the marker tells of each newer event, and is written for nothing else.
func TestMarkerFollows(t *testing.T) {
	s, _ := newMarked(t)
	s.drop("a.csv", "Facture;Montant\nA1;1,00\n")
	if err := s.once(); err != nil {
		t.Fatal(err)
	}
	s.life = func(ctx context.Context, c *Connector) error {
		n, j := c.e.intakes[0], c.e.j
		told := func() int64 {
			t.Helper()
			if err := n.mark(ctx); err != nil {
				t.Fatal(err)
			}
			m, err := n.readMarker(ctx)
			if err != nil {
				t.Fatal(err)
			}
			return m.Event
		}
		do := func(fn func(tx *journal.Tx) error) {
			t.Helper()
			if err := j.Do(ctx, fn); err != nil {
				t.Fatal(err)
			}
		}
		first := told()
		for more := range int64(3) {
			do(func(tx *journal.Tx) error {
				return tx.AddEvents([]journal.Event{{InstructionID: 1, Flow: "f", Account: "psp:test", Word: payment.WordPaid, State: payment.Open, Previous: payment.Open}})
			})
			if got := told(); got != first+more+1 {
				t.Errorf("the marker tells of event %d, want %d", got, first+more+1)
			}
			do(func(tx *journal.Tx) error { return tx.SetMeta("test", fmt.Sprint(more)) })
			if got := told(); got != first+more+1 {
				t.Errorf("the marker tells of event %d, want %d still", got, first+more+1)
			}
		}
		return nil
	}
	if err := s.once(); err != nil {
		t.Error(err)
	}
}
