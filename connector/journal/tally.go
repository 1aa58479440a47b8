package journal

import (
	"context"
	"fmt"

	"github.com/navette-connect/navette/connector/payment"
)

// The tally counts instructions by flow and state, so that `status` need not walk a million rows. It moves with the
// events: each change of state has one. What changes without (on the way to the PSP and back) is one class.

// class is the state under which the tally counts an instruction: accepted stands for sending and uncertain, too.
func class(s payment.State) payment.State {
	switch s {
	case payment.Sending, payment.Uncertain:
		return payment.Accepted
	}
	return s
}

type tallyKey struct {
	flow  string
	state payment.State
}

// tally adds to the counts.
func (tx *Tx) tally(changes map[tallyKey]int64) error {
	for k, n := range changes {
		if n == 0 {
			continue
		}
		if _, err := tx.exec("INSERT INTO tally VALUES (?, ?, ?) ON CONFLICT (flow, state) DO UPDATE SET n = tally.n + excluded.n", k.flow, string(k.state), n); err != nil {
			return err
		}
	}
	return nil
}

// Appear adds the instructions of a file that becomes visible to the tally.
func (tx *Tx) Appear(f *File) error {
	var accepted, held int64
	if err := tx.one("SELECT count(*) FILTER (WHERE state = 'accepted'), count(*) FILTER (WHERE state = 'held') FROM instruction WHERE file_id = ?", f.ID).Scan(&accepted, &held); err != nil {
		return err
	}
	return tx.tally(map[tallyKey]int64{{f.Flow, payment.Accepted}: accepted, {f.Flow, payment.Held}: held})
}

// another adds one accepted instruction to the tally.
func (tx *Tx) another(flow string) error {
	return tx.tally(map[tallyKey]int64{{flow, payment.Accepted}: 1})
}

// CheckTally counts every instruction anew and tells where the tally differs, and what is missing from the list of the
// unfinished or stands there for nothing; "" where all is well.
func (j *Journal) CheckTally(ctx context.Context) (differs string, err error) {
	err = j.each(ctx, `SELECT c.flow, c.state, sum(c.n) FROM (SELECT flow, state, n FROM tally UNION ALL
 SELECT i.flow, CASE WHEN i.state IN ('sending', 'uncertain') THEN 'accepted' ELSE i.state END, -1 FROM instruction i JOIN file f ON f.id = i.file_id WHERE f.judged = 1) c
 GROUP BY c.flow, c.state HAVING sum(c.n) <> 0`, nil, func(r Record) error {
		var flow, state string
		var n int64
		err := r.Scan(&flow, &state, &n)
		differs += fmt.Sprintf("flow %s: %+d %s. ", flow, n, state)
		return err
	})
	if err != nil {
		return differs, err
	}
	var n, first int64
	err = j.one(ctx, `SELECT count(*), coalesce(min(id), 0) FROM instruction
 WHERE finished <> CASE WHEN state IN ('accepted', 'held', 'sending', 'uncertain', 'pending') THEN 0 ELSE 1 END`).Scan(&n, &first)
	if n > 0 {
		differs += fmt.Sprintf("%d instructions from i%d on are not listed as what they are. ", n, first)
	}
	return differs, err
}

// counted is how many rows on their way are told apart one by one; of more, those being sent are told as accepted.
const counted = 20_000

// tallied reads the counts of a flow by state.
func (j *Journal) tallied(ctx context.Context, flow string, into map[string]int64) error {
	if err := j.each(ctx, "SELECT state, n FROM tally WHERE flow = ? AND n <> 0", []any{flow}, func(r Record) error {
		var state string
		var n int64
		err := r.Scan(&state, &n)
		into[state] += n
		return err
	}); err != nil {
		return err
	}
	moving := into[string(payment.Accepted)]
	if moving == 0 {
		return nil
	}
	var uncertain, sending int64
	if err := j.one(ctx, "SELECT count(*) FROM instruction i JOIN file f ON f.id = i.file_id WHERE i.flow = ? AND i.state = 'uncertain' AND f.judged = 1", flow).Scan(&uncertain); err != nil {
		return err
	}
	if moving <= counted {
		if err := j.one(ctx, `SELECT count(*) FROM instruction i JOIN file f ON f.id = i.file_id WHERE i.state = 'sending' AND i.finished = 0
 AND f.flow = ? AND f.state = 'accepted' AND f.state NOT IN ('done', 'rejected', 'duplicate', 'superseded', 'gone')`, flow).Scan(&sending); err != nil {
			return err
		}
	}
	for state, n := range map[payment.State]int64{payment.Uncertain: uncertain, payment.Sending: sending, payment.Accepted: moving - uncertain - sending} {
		delete(into, string(state))
		if n > 0 {
			into[string(state)] = n
		}
	}
	return nil
}
