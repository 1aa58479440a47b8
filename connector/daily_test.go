package connector

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/navette-connect/navette/connector/payment"
)

// wake tells the PSP's news of one request, through its feed.
func (s *stage) news(id, word string, state payment.State, minor int64) {
	s.psp.mu.Lock()
	defer s.psp.mu.Unlock()
	sum := payment.Amount{Minor: minor, Currency: "EUR"}
	s.psp.feed = append(s.psp.feed, payment.Change{EventID: id + word, Word: word, OccurredAt: time.Now(), Amount: sum, Now: payment.Snapshot{PaymentID: id, State: state}})
}

// out lists what was published by a name's beginning, each file as "name: cells of its lines".
func (s *stage) out(prefix string) (list []string) {
	s.t.Helper()
	names, err := filepath.Glob(filepath.Join(s.dir, "out", prefix+"*"))
	if err != nil {
		s.t.Fatal(err)
	}
	slices.Sort(names)
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			s.t.Fatal(err)
		}
		list = append(list, strings.TrimSpace(filepath.Base(n)+": "+strings.ReplaceAll(strings.TrimSpace(string(b)), "\n", " ")))
	}
	return list
}

func (s *stage) expect(prefix string, want ...string) {
	s.t.Helper()
	if got := s.out(prefix); !slices.Equal(got, want) {
		s.t.Errorf("at %s: %q, want %q", time.Now().UTC().Format(time.DateTime), got, want)
	}
}

const dailyReturn = `returns:
  jour: {on: daily, rows: 'event.event != "sent"', file: "J_{date}.csv", header: false, columns: [{name: r, value: reference}, {name: e, value: event.event}]}
`

// TestDaily: a daily return holds what was learnt on a day of the house's zone, once that day is over; a day of nothing
// has no file, days that were slept through have one each, and no event is told twice.
func TestDaily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // begins at 2000-01-01 00:00 UTC, 13:00 in the zone
		s := newStage(t, simMapping+dailyReturn, taken)
		s.setup = func(set *Setup) { set.Location = time.FixedZone("", 13*3600) }
		s.drop("a.csv", "Facture;Montant\nA1;1,00\nA2;2,00\n")
		_ = s.once()
		time.Sleep(10*time.Hour + 30*time.Minute)
		s.news("p1", payment.WordPaid, payment.Paid, 100)
		_ = s.once()
		s.expect("J_") // 23:30 at home, and the next day in half an hour
		midnight := time.Date(2000, 1, 1, 11, 0, 0, 0, time.UTC)
		time.Sleep(time.Until(midnight) - time.Second)
		_ = s.once()
		one := "J_20000101.csv: A1;paid"
		if time.Now().Before(midnight) {
			s.expect("J_")
		}
		time.Sleep(2 * time.Second)
		s.news("p2", payment.WordFailed, payment.Open, 200) // learnt by the pass that writes the day before
		_ = s.once()
		s.expect("J_", one)
		_ = s.once()
		s.expect("J_", one)

		time.Sleep(time.Until(midnight.Add(36 * time.Hour))) // noon of the 3rd, nobody ran on the rest of the 2nd
		s.news("p2", payment.WordPaid, payment.Paid, 200)
		_ = s.once()
		two := "J_20000102.csv: A2;failed"
		s.expect("J_", one, two)
		time.Sleep(5 * 24 * time.Hour) // the 8th: the 4th to the 7th said nothing
		s.news("p2", payment.WordRefunded, payment.Refunded, 200)
		_ = s.once()
		three := "J_20000103.csv: A2;paid"
		s.expect("J_", one, two, three)

		// The daemon itself wakes when the day is over.
		time.Sleep(time.Until(midnight.Add(7*24*time.Hour - 10*time.Minute)))
		s.expect("J_", one, two, three)
		s.run(20 * time.Minute)
		s.expect("J_", one, two, three, "J_20000108.csv: A2;refunded")
	})
}

// TestDailyFallsBehind: several days that ended while nobody ran have a file each, in one pass.
func TestDailyFallsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping+strings.ReplaceAll(dailyReturn, "on: daily", "on: daily, first: ['\"H\"'], last: [count]"), taken)
		s.drop("a.csv", "Facture;Montant\nA1;1,00\nA2;2,00\n")
		_ = s.once()
		for i, id := range []string{"p1", "p2"} { // told on two days by a life that ends before it writes anything
			s.news(id, payment.WordPaid, payment.Paid, int64(100+100*i))
			s.fault = func(point string) error {
				if point == "events" {
					return errCrash
				}
				return nil
			}
			_ = s.once()
			time.Sleep(24 * time.Hour)
		}
		s.fault = nil
		_ = s.once()
		s.expect("J_", "J_20000101.csv: H A1;paid 1", "J_20000102.csv: H A2;paid 1")
	})
}

// TestSettlement: what is paid, what takes that back, and what is reconciled; nothing else, and each once.
func TestSettlement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, simMapping+`returns:
  reglements: {on: settlement, file: "R_{seq}.csv", header: false, columns: [{name: r, value: reference}, {name: e, value: event.event}, {name: m, value: 'event.moved == nil ? "0" : dec(event.moved, ",")'}]}
  tout: {on: event, file: "T_{seq}.csv", header: false, columns: [{name: r, value: reference}, {name: e, value: event.event}]}
`, taken)
		s.drop("a.csv", "Facture;Montant\nA1;1,00\nA2;2,00\nA3;3,00\n")
		_ = s.once()
		s.news("p1", payment.WordViewed, payment.Open, 0)
		s.news("p1", payment.WordFailed, payment.Open, 100)
		s.news("p1", payment.WordRetry, payment.Open, 100)
		s.news("p1", payment.WordPaid, payment.Paid, 100)
		s.news("p2", payment.WordAuthorised, payment.Authorised, 200)
		s.news("p2", payment.WordExpired, payment.Expired, 0)
		s.news("p3", payment.WordPaid, payment.PartiallyPaid, 100)
		_ = s.once()
		time.Sleep(time.Hour)
		s.news("p1", payment.WordSettled, payment.Settled, 0)
		s.news("p1", payment.WordReconciled, payment.Settled, 100)
		s.news("p3", payment.WordRefunded, payment.Refunded, 100)
		_ = s.once()
		_ = s.once()
		got := strings.Join(s.out("R_"), " ")
		if want := "A1;paid;1,00 A3;paid;1,00"; !strings.Contains(got, want) {
			t.Errorf("settlements %q, want %q", got, want)
		}
		if want := "A1;reconciled;0 A3;refunded;-1,00"; !strings.Contains(got, want) {
			t.Errorf("settlements %q, want %q", got, want)
		}
		if n := strings.Count(got, "A"); n != 4 {
			t.Errorf("%d lines, want 4: %q", n, got)
		}
		all := strings.Join(s.out("T_"), " ")
		for _, word := range []string{"A1;sent", "A1;viewed", "A1;failed", "A1;retry", "A1;paid", "A1;settled", "A1;reconciled", "A2;authorised", "A2;expired"} {
			if strings.Count(all, word) != 1 {
				t.Errorf("event return tells %q %d times: %q", word, strings.Count(all, word), all)
			}
		}
	})
}

// run is a life of the daemon of so long.
func (s *stage) run(d time.Duration) {
	was := s.life
	s.life = func(ctx context.Context, c *Connector) error {
		within, stop := context.WithTimeout(ctx, d)
		defer stop()
		return c.Run(within)
	}
	_ = s.once()
	s.life = was
}
