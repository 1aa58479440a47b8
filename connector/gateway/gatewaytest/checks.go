package gatewaytest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/navette-connect/navette/connector/payment"
)

// want is what a submit must come to under a fault.
type want struct {
	verdict   payment.Verdict // by payment.Judge
	kind      error           // of the error; nil = the PSP answered
	lookFirst bool
}

var (
	inDoubt   = want{verdict: payment.VerdictUnknown, kind: payment.ErrUncertain}
	stopped   = want{verdict: payment.VerdictRetry, kind: payment.ErrStopped}
	later     = want{verdict: payment.VerdictRetry}
	laterLook = want{verdict: payment.VerdictRetry, lookFirst: true}
)

const (
	whyDoubt   = "what may have taken effect is uncertain, and is not sent again by itself"
	whyStopped = "credentials, proxies, wrong URLs and redirects stop the gateway; no row is lost to them"
	whyLookup  = "only a clear and empty answer proves that an instruction never arrived"
)

// Checks lists the rules.
func Checks() []Check {
	list := []Check{
		{"taken", "a success that can be read is done", taken},
		{"operations", "every operation gets an answer, and an object that can be found again", operations},
		{"refuse", "the PSP's own refusal is final, with its code in brackets", refusal},
		{"hang", whyDoubt, hang},
		{"deadline", "an exchange ends at its deadline, whether its context tells when that has come or not", deadline},
		{"cancelled-before", "a context that has ended sends nothing", cancelledBefore},
		{"absent", "a refused connection is certainly not sent", absent},
		{"echo", "credentials and personal data appear in no outcome and no error", echo},
		{"same-key-same-body", "an instruction has the same key and the same body for ever", sameBody},
		{"many-at-once", "a gateway is used from many goroutines", manyAtOnce},
		{"lookup-found", "what had an effect is found by its key, with its values", lookupFound},
		{"lookup-never-arrived", whyLookup, lookupNever},
		{"lookup-after-cut", whyLookup, lookupAfterCut},
	}
	for _, f := range []Fault{Lost, Cut, Garbled, Strange, HTML, "500", "502", "504", "done-500", "done-504", "408", "409", "425"} {
		list = append(list, Check{"submit-" + string(f), whyDoubt, meets(f, inDoubt)})
	}
	for _, f := range []Fault{"401", "403", "400", "404", "405", "407", "422", "301", "302", "307", "308"} {
		list = append(list, Check{"submit-" + string(f), whyStopped, meets(f, stopped)})
	}
	list = append(list,
		Check{"submit-429", "too many requests: certainly not taken, later", meets("429", later)},
		Check{"submit-503", "unavailable: later, after a look-up", meets("503", laterLook)},
	)
	for _, x := range []struct {
		fault Fault
		kind  error // nil = tried again
	}{
		{"404", payment.ErrUnsupported}, {"405", payment.ErrUnsupported}, {"501", payment.ErrUnsupported},
		{"401", payment.ErrStopped}, {"403", payment.ErrStopped}, {"407", payment.ErrStopped}, {"302", payment.ErrStopped},
		{"500", nil}, {"503", nil}, {"429", nil}, {"408", nil}, {HTML, nil}, {Garbled, nil},
	} {
		list = append(list, Check{"lookup-" + string(x.fault), whyLookup, lookupMeets(x.fault, x.kind)})
	}
	return list
}

// warm sends one good request, so that the next one meets a kept connection: there net/http would resend.
func warm(ctx context.Context, r *Rig) error {
	if out, err := r.Gateway.Submit(ctx, r.request(1)); err != nil || out.Verdict != payment.VerdictDone {
		return fmt.Errorf("a plain submit: verdict %v, error %v; want done", out.Verdict, err)
	}
	return nil
}

func seen(r *Rig, in *payment.Instruction, arrivals, effects int) error {
	if s := r.Seen(in.Key); s.Arrivals != arrivals || effects >= 0 && s.Effects != effects {
		return fmt.Errorf("the PSP saw %d arrivals and %d effects; want %d and %d", s.Arrivals, s.Effects, arrivals, effects)
	}
	return nil
}

func taken(ctx context.Context, r *Rig) error {
	in := r.request(2)
	out, err := r.Gateway.Submit(ctx, in)
	if err != nil || out.Verdict != payment.VerdictDone || !out.State.Answered() || out.PaymentID+out.TransactionID == "" {
		return fmt.Errorf("verdict %v, state %q, id %q, error %v; want done, a state of the PSP's and an id", out.Verdict, out.State, out.PaymentID, err)
	}
	return errors.Join(seen(r, in, 1, 1), out.Matches(in))
}

func operations(ctx context.Context, r *Rig) error {
	for i, op := range payment.Operations {
		in := Operation(op, i+1, payment.Amount{})
		out, err := r.Gateway.Submit(ctx, in)
		if err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
		switch out.Verdict {
		case payment.VerdictRefused:
			continue // a target it does not know is answer enough
		case payment.VerdictDone:
			if out.State != payment.Done && out.State != payment.Pending {
				return fmt.Errorf("%s: state %q; want done or pending", op, out.State)
			}
		default:
			return fmt.Errorf("%s: verdict %v; want done or refused", op, out.Verdict)
		}
		if again, err := r.Gateway.Lookup(ctx, in); err != nil || again.Verdict != payment.VerdictDone {
			return fmt.Errorf("%s: looked up: verdict %v, error %v; want done", op, again.Verdict, err)
		}
	}
	return nil
}

// meets submits under a fault and compares.
func meets(f Fault, w want) func(context.Context, *Rig) error {
	return func(ctx context.Context, r *Rig) error {
		if err := warm(ctx, r); err != nil {
			return err
		}
		if !r.Break(f) {
			return errLeftOut
		}
		in := r.request(2)
		out, err := r.Gateway.Submit(ctx, in)
		if got := payment.Judge(out, err); got != w.verdict {
			return fmt.Errorf("%s: verdict %v (error %v); want %v", f, got, err, w.verdict)
		}
		if w.kind == nil && err != nil || w.kind != nil && !errors.Is(err, w.kind) {
			return fmt.Errorf("%s: error %v; want kind %v", f, err, w.kind)
		}
		if out.LookFirst != w.lookFirst {
			return fmt.Errorf("%s: look first %v; want %v", f, out.LookFirst, w.lookFirst)
		}
		return seen(r, in, 1, -1)
	}
}

func refusal(ctx context.Context, r *Rig) error {
	if err := warm(ctx, r); err != nil {
		return err
	}
	if !r.Break(Refuse) {
		return errLeftOut
	}
	in := r.request(2)
	out, err := r.Gateway.Submit(ctx, in)
	if err != nil || out.Verdict != payment.VerdictRefused {
		return fmt.Errorf("verdict %v, error %v; want refused", out.Verdict, err)
	}
	if !strings.HasPrefix(out.Code, "NV-20") || !strings.HasPrefix(out.Message, "[") {
		return fmt.Errorf("code %q, message %q; want NV-20xx and the PSP's code in brackets", out.Code, out.Message)
	}
	return seen(r, in, 1, 0)
}

// hang gives up once the request has arrived.
func hang(ctx context.Context, r *Rig) error {
	if err := warm(ctx, r); err != nil {
		return err
	}
	if !r.Break(Hang) {
		return errLeftOut
	}
	in := r.request(2)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		out, err := r.Gateway.Submit(ctx, in)
		if err == nil {
			err = fmt.Errorf("no error, verdict %v", out.Verdict)
		}
		done <- err
	}()
	for r.Seen(in.Key).Arrivals == 0 {
		select {
		case err := <-done:
			return fmt.Errorf("ended before the request arrived: %w", err)
		case <-time.After(time.Millisecond):
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, payment.ErrUncertain) {
		return fmt.Errorf("error %v; want kind %v", err, payment.ErrUncertain)
	}
	return seen(r, in, 1, -1)
}

// late is a context with a deadline that nobody is told of.
type late struct {
	context.Context
	at time.Time
}

func (l late) Deadline() (time.Time, bool) { return l.at, true }

func deadline(ctx context.Context, r *Rig) error {
	if err := warm(ctx, r); err != nil {
		return err
	}
	if !r.Break(Hang) {
		return errLeftOut
	}
	in := r.request(2)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ctx = late{ctx, time.Now().Add(time.Second)}
	done := make(chan error, 1)
	go func() {
		_, err := r.Gateway.Submit(ctx, in)
		done <- err
	}()
	select {
	case err := <-done:
		if !errors.Is(err, payment.ErrUncertain) {
			return fmt.Errorf("error %v; want kind %v", err, payment.ErrUncertain)
		}
	case <-time.After(5 * time.Second): // would be for ever
		return errors.New("it waits beyond its deadline")
	}
	return seen(r, in, 1, -1)
}

func cancelledBefore(ctx context.Context, r *Rig) error {
	if err := warm(ctx, r); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	in := r.request(2)
	if out, err := r.Gateway.Submit(ctx, in); !errors.Is(err, payment.ErrNotSent) && !errors.Is(err, payment.ErrUncertain) {
		return fmt.Errorf("verdict %v, error %v; want not sent, or at worst uncertain", out.Verdict, err)
	}
	return seen(r, in, 0, 0)
}

func absent(ctx context.Context, r *Rig) error {
	if r.Absent == nil {
		return errLeftOut
	}
	if out, err := r.Absent.Submit(ctx, r.request(1)); !errors.Is(err, payment.ErrNotSent) || payment.Judge(out, err) != payment.VerdictRetry {
		return fmt.Errorf("verdict %v, error %v; want kind %v", payment.Judge(out, err), err, payment.ErrNotSent)
	}
	if _, err := r.Absent.Lookup(ctx, r.request(1)); err == nil || errors.Is(err, payment.ErrUnknown) || errors.Is(err, payment.ErrUnsupported) {
		return fmt.Errorf("look-up: error %v; want one that is tried again", err)
	}
	return nil
}

func echo(ctx context.Context, r *Rig) error {
	if !r.Break(Echo) {
		return errLeftOut
	}
	in := r.request(1)
	out, err := r.Gateway.Submit(ctx, in)
	text := fmt.Sprintf("%+v %v", out, err)
	for _, s := range append([]string{in.Customer.Email, in.Customer.Name, in.Customer.Phone}, r.Secrets...) {
		if s != "" && strings.Contains(text, s) {
			return fmt.Errorf("a secret or personal value of %d characters appears in the outcome or error", len(s))
		}
	}
	return nil
}

func sameBody(ctx context.Context, r *Rig) error {
	in := r.request(1)
	for range 2 {
		if _, err := r.Gateway.Submit(ctx, in); err != nil {
			return err
		}
		again := *r.request(1) // as if read back from the journal
		again.ID = 7
		in = &again
	}
	if s := r.Seen(in.Key); s.Arrivals != 2 || s.Bodies != 1 {
		return fmt.Errorf("the PSP saw %d arrivals with %d bodies; want 2 and 1", s.Arrivals, s.Bodies)
	}
	return nil
}

func manyAtOnce(ctx context.Context, r *Rig) error {
	const workers, each = 8, 20
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				in := r.request(100 + w*each + i)
				out, err := r.Gateway.Submit(ctx, in)
				if err != nil || out.Verdict != payment.VerdictDone || out.Matches(in) != nil {
					errs[w] = fmt.Errorf("%s: verdict %v, error %v, matches %v", in.Reference, out.Verdict, err, out.Matches(in))
					return
				}
				if err := seen(r, in, 1, 1); err != nil {
					errs[w] = err
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func lookupFound(ctx context.Context, r *Rig) error {
	if !r.Break(Lost) {
		return errLeftOut
	}
	in := r.request(1)
	if _, err := r.Gateway.Submit(ctx, in); !errors.Is(err, payment.ErrUncertain) {
		return fmt.Errorf("submit: error %v; want kind %v", err, payment.ErrUncertain)
	}
	out, err := r.Gateway.Lookup(ctx, in)
	if errors.Is(err, payment.ErrUnsupported) {
		return errLeftOut
	}
	if err != nil || out.Verdict != payment.VerdictDone || !out.State.Answered() {
		return fmt.Errorf("verdict %v, state %q, error %v; want done", out.Verdict, out.State, err)
	}
	other := *in
	other.Amount.Minor++
	if err := out.Matches(&other); err == nil && !out.Amount.IsZero() {
		return fmt.Errorf("amount %v matches %v", out.Amount, other.Amount)
	}
	return errors.Join(out.Matches(in), seen(r, in, 1, 1))
}

func lookupNever(ctx context.Context, r *Rig) error {
	if out, err := r.Gateway.Lookup(ctx, r.request(1)); !errors.Is(err, payment.ErrUnknown) && !errors.Is(err, payment.ErrUnsupported) {
		return fmt.Errorf("verdict %v, error %v; want kind %v", out.Verdict, err, payment.ErrUnknown)
	}
	return nil
}

func lookupAfterCut(ctx context.Context, r *Rig) error {
	if !r.Break(Cut) {
		return errLeftOut
	}
	if _, err := r.Gateway.Submit(ctx, r.request(1)); !errors.Is(err, payment.ErrUncertain) {
		return fmt.Errorf("submit: error %v; want kind %v", err, payment.ErrUncertain)
	}
	return lookupNever(ctx, r)
}

// lookupMeets looks something up that is there; kind nil means an error after which the look-up is tried again.
func lookupMeets(f Fault, kind error) func(context.Context, *Rig) error {
	return func(ctx context.Context, r *Rig) error {
		if err := warm(ctx, r); err != nil {
			return err
		}
		if !r.BreakLookups(f) {
			return errLeftOut
		}
		out, err := r.Gateway.Lookup(ctx, r.request(1))
		if err == nil || kind != nil && !errors.Is(err, kind) {
			return fmt.Errorf("%s: verdict %v, error %v; want kind %v", f, out.Verdict, err, kind)
		}
		for _, other := range []error{payment.ErrUnknown, payment.ErrUnsupported, payment.ErrStopped} {
			if other != kind && errors.Is(err, other) {
				return fmt.Errorf("%s: error %v is of kind %v", f, err, other)
			}
		}
		return nil
	}
}
