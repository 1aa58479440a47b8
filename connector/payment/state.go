package payment

import "slices"

// State is where an instruction stands. Up to Uncertain and Pending it is navette's own knowledge; the others are what
// the PSP says of a payment request, or the final answers to an operation.
type State string

// The states. docs/states.md draws them; a test holds that drawing against Moves.
const (
	Accepted  State = "accepted"  // journalled, not yet sent
	Held      State = "held"      // waits for a person; nothing was sent
	Sending   State = "sending"   // durable before the first byte leaves
	Uncertain State = "uncertain" // sent, the answer was lost
	Pending   State = "pending"   // the PSP took an operation and has not finished it

	Open              State = "open"
	Authorised        State = "authorised" // capture needs an act
	PartiallyPaid     State = "partially_paid"
	Paid              State = "paid"
	Settled           State = "settled" // remitted by the PSP
	PartiallyRefunded State = "partially_refunded"
	Refunded          State = "refunded"
	ChargedBack       State = "charged_back"
	Expired           State = "expired"
	Cancelled         State = "cancelled"
	Refused           State = "refused" // by the PSP, or closed by a person

	Done State = "done" // an operation took effect
)

// States lists every state, in the order of the documentation.
var States = [...]State{Accepted, Held, Sending, Uncertain, Pending, Open, Authorised, PartiallyPaid, Paid, Settled,
	PartiallyRefunded, Refunded, ChargedBack, Expired, Cancelled, Refused, Done}

// moves is the one transition table: from each state, where it may go. A target names its cause, since each has only one.
var moves = map[State][]State{
	Accepted: {Sending, Held, Refused},
	Held:     {Accepted, Refused},
	// sending: the answer; or it certainly did not leave (accepted); or it was lost (uncertain).
	Sending: {Accepted, Uncertain, Held, Pending, Open, Authorised, PartiallyPaid, Paid, Settled, PartiallyRefunded,
		Refunded, ChargedBack, Expired, Cancelled, Refused, Done},
	// uncertain: found by a look-up (any answer), sent again under the same key, held because a look-up found other
	// values, or declared not done by a person (accepted).
	Uncertain: {Accepted, Sending, Held, Pending, Open, Authorised, PartiallyPaid, Paid, Settled, PartiallyRefunded,
		Refunded, ChargedBack, Expired, Cancelled, Refused, Done},
	Pending: {Done, Refused},

	Open:              {Authorised, PartiallyPaid, Paid, Settled, PartiallyRefunded, Refunded, ChargedBack, Expired, Cancelled, Refused},
	Authorised:        {PartiallyPaid, Paid, Settled, PartiallyRefunded, Refunded, ChargedBack, Expired, Cancelled, Refused},
	PartiallyPaid:     {PartiallyPaid, Paid, Settled, PartiallyRefunded, Refunded, ChargedBack, Expired, Cancelled, Refused},
	Paid:              {Settled, PartiallyRefunded, Refunded, ChargedBack},
	Settled:           {PartiallyRefunded, Refunded, ChargedBack},
	PartiallyRefunded: {PartiallyRefunded, Refunded, ChargedBack},
	Refunded:          {ChargedBack},
	ChargedBack:       {Paid, Settled, PartiallyRefunded, Refunded}, // a dispute won
	// Customers do pay late: a late payment is taken.
	Expired:   {Authorised, PartiallyPaid, Paid, Settled},
	Cancelled: {Authorised, PartiallyPaid, Paid, Settled},
	Refused:   {Authorised, PartiallyPaid, Paid, Settled},
	Done:      {},
}

// Moves returns the states that from may move to.
func Moves(from State) []State { return slices.Clone(moves[from]) }

// Effect says what news of a state means for an instruction.
type Effect int

// The effects.
const (
	Moved    Effect = iota + 1 // go there
	Same                       // it stands there already
	Stale                      // older news than what is known, or told out of order: ignored
	Conflict                   // contradicts what is known: ignored, with an alarm
)

// rank orders what a PSP tells of a request, so that late news is told from contradicting news.
var rank = map[State]int{Accepted: 1, Held: 1, Sending: 2, Uncertain: 2, Pending: 3, Open: 3, Authorised: 4, PartiallyPaid: 5, Paid: 6, Settled: 7,
	PartiallyRefunded: 8, Refunded: 9, ChargedBack: 10, Expired: 20, Cancelled: 20, Refused: 20, Done: 20}

// Move says what the news that an instruction is in state to means while it is known to be in from. A repeated partial
// state is Moved: more money may have moved (the amounts tell).
func Move(from, to State) Effect {
	switch {
	case slices.Contains(moves[from], to):
		return Moved
	case from == to:
		return Same
	case rank[to] < rank[from] && to != "":
		return Stale
	default:
		return Conflict
	}
}

// Answered tells whether the gateway has answered: what a result file waits for.
func (s State) Answered() bool {
	switch s {
	case Accepted, Held, Sending, Uncertain, Pending:
		return false
	}
	return true
}

// Unfinished tells whether later instructions of the same reference must wait (contract §6).
func (s State) Unfinished() bool { return !s.Answered() }

// Followed tells whether the PSP may still change its mind without an act of ours: open requests are polled.
func (s State) Followed() bool {
	switch s {
	case Pending, Open, Authorised, PartiallyPaid:
		return true
	}
	return false
}

// Beyond tells whether a request has come further than open: something happened to it that must be told.
func Beyond(s State) bool {
	switch s {
	case Authorised, PartiallyPaid, Paid, Settled, PartiallyRefunded, Refunded, ChargedBack:
		return true
	}
	return false
}

// Words of events (contract §5), as status files and mappings write them.
const (
	WordSent        = "sent" // the PSP took the request
	WordViewed      = "viewed"
	WordAuthorised  = "authorised"
	WordPaid        = "paid" // also each partial payment
	WordFailed      = "failed"
	WordRefused     = "refused"
	WordExpired     = "expired"
	WordCancelled   = "cancelled"
	WordRefunded    = "refunded"
	WordChargedBack = "charged_back"
	WordSettled     = "settled"
	WordReconciled  = "reconciled"
	WordRetry       = "retry"
	WordDone        = "done"
	WordUncertain   = "uncertain"
	WordHeld        = "held"
	WordReleased    = "released"
)

// Word is the event word of reaching a state.
func Word(to State) string {
	switch to {
	case Open:
		return WordSent
	case PartiallyPaid:
		return WordPaid
	case PartiallyRefunded:
		return WordRefunded
	}
	return string(to)
}

// Moving tells whether an event of that word moves money, and which way: +1 in, -1 back, 0 not at all.
func Moving(word string) int64 {
	switch word {
	case WordPaid:
		return 1
	case WordRefunded, WordChargedBack:
		return -1
	}
	return 0
}
