package payment

import "testing"

func eur(v int64) Amount { return Amount{v, "EUR"} }

func TestFollowCountsMoneyOnce(t *testing.T) {
	type step struct {
		news       Change
		state      State
		word       string // "" = nothing happened
		moved      int64
		paid, back int64
	}
	now := func(s State, paid int64) Snapshot { return Snapshot{PaymentID: "pr_1", State: s, Paid: eur(paid)} }
	bare := func(s State) Snapshot { return Snapshot{PaymentID: "pr_1", State: s} }
	for name, steps := range map[string][]step{
		"feed, then the same by a read": {
			{Change{EventID: "1", Word: WordPaid, Amount: eur(10000), Now: now(Paid, 10000)}, Paid, WordPaid, 10000, 10000, 0},
			{Change{Now: now(Paid, 10000)}, Paid, "", 0, 10000, 0},
		},
		"read, then the same by the feed": {
			{Change{Now: now(Paid, 10000)}, Paid, WordPaid, 10000, 10000, 0},
			{Change{EventID: "1", Word: WordPaid, Amount: eur(10000), Now: now(Paid, 10000)}, Paid, "", 0, 10000, 0},
		},
		"two partial payments, feed shows the present": {
			{Change{EventID: "1", Word: WordPaid, Amount: eur(4000), Now: now(Paid, 10000)}, Paid, WordPaid, 4000, 4000, 0},
			{Change{EventID: "2", Word: WordPaid, Amount: eur(6000), Now: now(Paid, 10000)}, Paid, WordPaid, 6000, 10000, 0},
		},
		"two partial payments by reads": {
			{Change{Now: now(PartiallyPaid, 4000)}, PartiallyPaid, WordPaid, 4000, 4000, 0},
			{Change{Now: now(PartiallyPaid, 4000)}, PartiallyPaid, "", 0, 4000, 0},
			{Change{Now: now(Paid, 10000)}, Paid, WordPaid, 6000, 10000, 0},
		},
		"no running total": {
			{Change{EventID: "1", Word: WordPaid, Amount: eur(10000), Now: bare(Paid)}, Paid, WordPaid, 10000, 10000, 0},
			{Change{EventID: "2", Word: WordSettled, Now: bare(Settled)}, Settled, WordSettled, 0, 10000, 0},
		},
		"paid missed, settled seen": {
			{Change{Now: bare(Settled)}, Settled, WordSettled, 10000, 10000, 0},
		},
		"refund, running total is gross": {
			{Change{EventID: "1", Word: WordPaid, Amount: eur(10000), Now: now(Paid, 10000)}, Paid, WordPaid, 10000, 10000, 0},
			{Change{EventID: "2", Word: WordRefunded, Amount: eur(4500), Now: now(PartiallyRefunded, 10000)}, PartiallyRefunded, WordRefunded, -4500, 10000, 4500},
			{Change{Now: now(PartiallyRefunded, 10000)}, PartiallyRefunded, "", 0, 10000, 4500},
			{Change{EventID: "3", Word: WordRefunded, Amount: eur(5500), Now: now(Refunded, 10000)}, Refunded, WordRefunded, -5500, 10000, 10000},
		},
		"refund, running total is net": {
			{Change{Now: now(Paid, 10000)}, Paid, WordPaid, 10000, 10000, 0},
			{Change{Now: now(PartiallyRefunded, 5500)}, PartiallyRefunded, WordRefunded, -4500, 10000, 4500},
			{Change{EventID: "2", Word: WordRefunded, Amount: eur(-4500), Now: now(PartiallyRefunded, 5500)}, PartiallyRefunded, "", 0, 10000, 4500},
		},
		"charge-back of all that is left": {
			{Change{EventID: "1", Word: WordPaid, Amount: eur(10000), Now: bare(Paid)}, Paid, WordPaid, 10000, 10000, 0},
			{Change{EventID: "2", Word: WordChargedBack, Now: bare(ChargedBack)}, ChargedBack, WordChargedBack, -10000, 10000, 10000},
		},
		"cancelled before the remittance, by a read": {
			{Change{Now: now(Paid, 10000)}, Paid, WordPaid, 10000, 10000, 0},
			{Change{Now: bare(Cancelled)}, Refunded, WordRefunded, -10000, 10000, 10000},
			{Change{Now: bare(Cancelled)}, Refunded, "", 0, 10000, 10000},
		},
		"worth less than before, by reads that say paid": {
			{Change{Now: now(Authorised, 0)}, Authorised, WordAuthorised, 0, 0, 0},
			{Change{Now: now(Paid, 7000)}, Paid, WordPaid, 7000, 7000, 0}, // captured in part: nothing went back
			{Change{Now: now(Paid, 7000)}, Paid, "", 0, 7000, 0},
			{Change{Now: now(Paid, 5000)}, PartiallyRefunded, WordRefunded, -2000, 7000, 2000},
			{Change{Now: now(Paid, 5000)}, PartiallyRefunded, "", 0, 7000, 2000},
			{Change{Now: now(Paid, 4000)}, PartiallyRefunded, WordRefunded, -1000, 7000, 3000},
			{Change{Now: now(Refunded, 0)}, Refunded, WordRefunded, -4000, 7000, 7000},
		},
		"told, moves nothing": {
			{Change{EventID: "1", Word: WordViewed, Now: bare(Open)}, Open, WordViewed, 0, 0, 0},
			{Change{EventID: "2", Word: WordFailed, Amount: eur(10000), Now: bare(Open)}, Open, WordFailed, 0, 0, 0},
			{Change{EventID: "3", Word: WordReconciled, Now: bare(Open)}, Open, WordReconciled, 0, 0, 0},
			{Change{EventID: "4", Word: WordRetry, Now: bare(Open)}, Open, WordRetry, 0, 0, 0},
		},
		"expired, then paid late": {
			{Change{EventID: "1", Word: WordExpired, Now: bare(Expired)}, Expired, WordExpired, 0, 0, 0},
			{Change{EventID: "2", Word: WordPaid, Amount: eur(10000), Now: now(Paid, 10000)}, Paid, WordPaid, 10000, 10000, 0},
		},
		"expired after paid is a conflict": {
			{Change{Now: now(Paid, 10000)}, Paid, WordPaid, 10000, 10000, 0},
			{Change{EventID: "2", Word: WordExpired, Now: bare(Expired)}, Paid, "", 0, 10000, 0},
		},
		"late news is stale": {
			{Change{Now: now(Paid, 10000)}, Paid, WordPaid, 10000, 10000, 0},
			{Change{EventID: "2", Word: WordSent, Now: bare(Open)}, Paid, "", 0, 10000, 0},
		},
	} {
		s := Standing{State: Open, Amount: eur(10000)}
		for i, st := range steps {
			next, h, _ := Follow(s, st.news)
			word, moved := "", int64(0)
			if h != nil {
				word, moved = h.Word, h.Moved
			}
			if next.State != st.state || word != st.word || moved != st.moved || next.Paid != st.paid || next.Refunded != st.back {
				t.Errorf("%s, step %d: state %s, word %q, moved %d, paid %d, refunded %d; want %s, %q, %d, %d, %d", name, i+1,
					next.State, word, moved, next.Paid, next.Refunded, st.state, st.word, st.moved, st.paid, st.back)
			}
			s = next
		}
	}
}
