package payment

// Standing is what is known of a payment request before news of it arrives.
type Standing struct {
	State         State
	Amount        Amount // asked
	Paid          int64  // minor units, all that came in
	Refunded      int64  // minor units, all that went back
	Method        string
	TransactionID string
}

// Happening is the event that news amounts to.
type Happening struct {
	Word   string
	Amount Amount // of this event
	Moved  int64  // minor units, signed: refunds and charge-backs negative
	Tell   bool   // a status file tells it
}

// Remark tells whether a word is told, but moves neither a state nor money.
func Remark(word string) bool {
	switch word {
	case WordViewed, WordFailed, WordReconciled, WordRetry:
		return true
	}
	return false
}

// Follow holds news against a standing: what stands afterwards, and what happened (nil: nothing new). Money is counted
// once, whichever way the news came: by the PSP's running total where it gives one, else by the event's own amount.
func Follow(s Standing, n Change) (Standing, *Happening, Effect) {
	to := n.Now.State
	word := n.Word
	if to == "" {
		to = stateOf(word, s.State)
	}
	to = backwards(s, n, to)
	next := s
	if n.Now.Method != "" {
		next.Method = n.Now.Method
	}
	if n.Now.TransactionID != "" {
		next.TransactionID = n.Now.TransactionID
	}
	effect := Move(s.State, to)
	if Remark(word) {
		if effect == Conflict {
			return s, nil, Conflict
		}
		return next, &Happening{Word: word, Amount: n.Amount, Tell: true}, Same
	}
	in, back := money(s, n, to, effect)
	if in == 0 && back == 0 {
		if effect != Moved || to == s.State {
			return s, nil, effect
		}
	} else if effect == Stale || effect == Conflict {
		// Money that the states do not explain is a conflict, never silently dropped.
		return s, nil, Conflict
	}
	if effect == Moved {
		next.State = to
	}
	next.Paid += in
	next.Refunded += back
	h := &Happening{Word: Word(to), Tell: true}
	currency := s.Amount.Currency
	if currency == "" {
		currency = n.Now.Amount.Currency
	}
	switch {
	case in > 0:
		h.Word, h.Moved, h.Amount = WordPaid, in, Amount{in, currency}
		if to != PartiallyPaid && to != Paid { // the payment was missed: the state it led to says more
			h.Word = Word(to)
		}
	case back > 0:
		h.Moved, h.Amount = -back, Amount{back, currency}
		if to == Refunded || to == PartiallyRefunded {
			h.Word = WordRefunded
		}
	case !n.Amount.IsZero():
		h.Amount = n.Amount
	case Moving(h.Word) == 0:
		h.Amount = s.Amount
	}
	return next, h, effect
}

// backwards reads what a PSP shows (a read, no event of its feed) against money known to have come in: cancelled before it
// was remitted, it goes back; worth less than before, part of it went back.
func backwards(s Standing, n Change, to State) State {
	left := s.Paid - s.Refunded
	if n.Word != "" || n.EventID != "" || left <= 0 || s.State != Paid && s.State != Settled && s.State != PartiallyRefunded {
		return to
	}
	switch worth := n.Now.Paid; {
	case to == Cancelled:
		return Refunded
	case (to == Paid || to == Settled) && worth.Currency != "" && worth.Minor > 0 && worth.Minor < left:
		return PartiallyRefunded
	}
	return to
}

// money says how much came in and went back by this news, in minor units.
func money(s Standing, n Change, to State, effect Effect) (in, back int64) {
	switch to {
	case PartiallyPaid, Paid, Settled:
		total := n.Now.Paid.Minor
		own := abs(n.Amount.Minor)
		switch {
		case total > s.Paid && own > 0 && n.Word == WordPaid:
			return min(own, total-s.Paid), 0
		case total > s.Paid:
			return total - s.Paid, 0
		case total > 0 || s.Paid >= s.Amount.Minor && s.Paid > 0:
			return 0, 0 // counted before
		case effect != Moved:
			return 0, 0
		case own > 0:
			return own, 0
		case to != PartiallyPaid:
			return max(s.Amount.Minor-s.Paid, 0), 0
		}
	case PartiallyRefunded, Refunded, ChargedBack:
		if effect != Moved {
			return 0, 0
		}
		left, own := s.Paid-s.Refunded, int64(0)
		if n.Word == WordRefunded || n.Word == WordChargedBack {
			own = abs(n.Amount.Minor)
		}
		if n.Now.Paid.Currency != "" {
			switch drop := left - n.Now.Paid.Minor; {
			case drop > 0 && own > 0:
				return 0, min(own, drop)
			case drop > 0: // the PSP's running total went down
				return 0, drop
			case drop == 0 && s.Refunded > 0: // counted before
				return 0, 0
			}
		}
		switch {
		case own > 0:
			return 0, own
		case to != PartiallyRefunded && to != s.State:
			return 0, max(left, 0)
		}
	}
	return 0, 0
}

func abs(v int64) int64 {
	if v < 0 {
		return -v
	}
	return v
}

// stateOf gives the state an event word leads to when the news does not say where the request stands.
func stateOf(word string, from State) State {
	switch word {
	case WordSent:
		return Open
	case WordAuthorised, WordPaid, WordRefused, WordExpired, WordCancelled, WordRefunded, WordChargedBack, WordSettled:
		return State(word)
	}
	return from
}
