package payment

import (
	"errors"
	"fmt"
	"testing"
)

func TestJudgeDoubtsWhatNobodyKnows(t *testing.T) {
	done := Outcome{Verdict: VerdictDone}
	for _, c := range []struct {
		out  Outcome
		err  error
		want Verdict
	}{
		{done, nil, VerdictDone},
		{Outcome{Verdict: VerdictRefused}, nil, VerdictRefused},
		{Outcome{Verdict: VerdictRetry}, nil, VerdictRetry},
		{Outcome{}, nil, VerdictUnknown}, // nobody classified it
		{done, ErrUncertain, VerdictUnknown},
		{done, errors.New("anything"), VerdictUnknown},
		{done, ErrUnknown, VerdictUnknown},
		{Outcome{}, fmt.Errorf("x: %w", ErrNotSent), VerdictRetry},
		{Outcome{}, fmt.Errorf("x: %w", ErrStopped), VerdictRetry},
		{Outcome{}, errors.Join(ErrNotSent, ErrUncertain), VerdictUnknown}, // doubt wins
	} {
		if got := Judge(c.out, c.err); got != c.want {
			t.Errorf("Judge(%v, %v) = %v, want %v", c.out.Verdict, c.err, got, c.want)
		}
	}
}

func TestMatches(t *testing.T) {
	in := Instruction{Reference: "R", Amount: Amount{100, "EUR"}}
	for _, c := range []struct {
		out Outcome
		ok  bool
	}{
		{Outcome{}, true},
		{Outcome{Reference: "R", Amount: Amount{100, "EUR"}}, true},
		{Outcome{Reference: "Q", Amount: Amount{100, "EUR"}}, false},
		{Outcome{Reference: "R", Amount: Amount{101, "EUR"}}, false},
		{Outcome{Reference: "R", Amount: Amount{100, "USD"}}, false},
	} {
		if err := c.out.Matches(&in); (err == nil) != c.ok {
			t.Errorf("%+v matches: %v, want %v", c.out, err, c.ok)
		}
	}
}
