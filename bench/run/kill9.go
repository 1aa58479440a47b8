package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// kill9 kills `navette once` in mid-file, again and again, and lets it finish: at a PSP that takes effect at each
// request and answers look-ups, and at one that honours keys.
func (b *bench) kill9(ctx context.Context) error {
	if err := b.killed(ctx, "look-ups", false); err != nil {
		return err
	}
	return b.killed(ctx, "keys honoured", true)
}

func (b *bench) killed(ctx context.Context, psp string, idempotent bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, b.limit, fmt.Errorf("killed and killed again, navette needs more than %s", b.limit))
	defer cancel()
	n := b.rows[len(b.rows)-1]
	// The millisecond lets requests be on their way when the sender dies.
	s, err := b.startSink(ctx, "-latency=1ms", "-idempotent="+strconv.FormatBool(idempotent))
	if err != nil {
		return err
	}
	defer s.stop()
	src, err := b.data(ctx, n)
	if err != nil {
		return err
	}
	h, err := b.newHome("kill9", gatewaySettings{url: s.url, inflight: b.inflight, settle: b.settle, idempotent: idempotent})
	if err != nil {
		return err
	}
	if err := h.drop(src); err != nil {
		return err
	}

	// The first kill falls into the intake, the others into the sending. The counters are read after each.
	var marks []counts
	for k := range b.kills {
		killed, err := b.killAt(ctx, h, s, n*k/b.kills)
		if err != nil {
			return err
		}
		if !killed {
			b.report.judge(fmt.Sprintf("kill -9 in %d rows, %s: kills", n, psp), fmt.Sprintf("%d, it goes on no further by itself", k), strconv.Itoa(b.kills), false)
			break
		}
		c, err := s.counts(ctx)
		if err != nil {
			return err
		}
		marks = append(marks, c)
	}
	answers, exit, err := b.finish(ctx, h, src, n)
	if err != nil {
		return err
	}
	end, err := s.counts(ctx)
	if err != nil {
		return err
	}
	b.tellKills(psp, n, append(marks, end), answers, exit)
	return nil
}

// tellKills judges one series. What was sent again because of a kill came after it and before the next one.
func (b *bench) tellKills(psp string, n int, marks []counts, answers map[string]int, exit int) {
	var resent, lookups []string // a kill
	most := 0
	for i, c := range marks[1:] {
		again := c.Replayed - marks[i].Replayed
		most = max(most, again)
		resent = append(resent, strconv.Itoa(again))
		lookups = append(lookups, strconv.Itoa(c.Lookups-marks[i].Lookups))
	}
	end := marks[len(marks)-1]
	name := fmt.Sprintf("kill -9, %d times in %d rows, %s: ", len(marks)-1, n, psp)
	bound := b.inflight + b.group
	b.report.judge(name+"lost", strconv.Itoa(n-end.Documents), "0", end.Documents == n)
	b.report.judge(name+"doubled", strconv.Itoa(end.Doubled), "0", end.Doubled == 0)
	b.report.judge(name+"re-sent per kill", fmt.Sprintf("%s (looked up %s)", strings.Join(resent, "/"), strings.Join(lookups, "/")),
		fmt.Sprintf("<= %d", bound), most <= bound)
	b.report.judge(name+"answered as sent", fmt.Sprintf("%d of %d, exit %d", answers["sent"], n, exit), "all, exit 0", answers["sent"] == n && exit == 0)
}

// killAt kills navette once the sink has taken mark requests; mark 0: once the file was taken. A run that ends by itself
// (what is left waits for `settle`) is followed by another; false: ten of them did not get there.
func (b *bench) killAt(ctx context.Context, h home, s *sink, mark int) (bool, error) {
	for range 10 {
		c, err := b.start(ctx, h.once(b.navette))
		if err != nil {
			return false, err
		}
		reached, err := await(ctx, c, func() (bool, error) {
			if mark == 0 {
				return h.taken()
			}
			now, err := s.counts(ctx)
			return now.Accepted >= mark, err
		})
		kerr := c.kill()
		u, werr := c.wait()
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		if err := errors.Join(err, kerr, werr); err != nil {
			return false, err
		}
		if reached && u.exit < 0 {
			return true, nil
		}
		if err := pause(ctx, b.settle); err != nil {
			return false, err
		}
	}
	return false, nil
}

// await polls until the condition holds (true) or the process has ended by itself.
func await(ctx context.Context, c *child, holds func() (bool, error)) (bool, error) {
	for {
		if ok, err := holds(); ok || err != nil {
			return ok, err
		}
		if _, alive := highWater(c.cmd.Process.Pid); !alive {
			return false, nil
		}
		if err := pause(ctx, 2*time.Millisecond); err != nil {
			return false, err
		}
	}
}

// finish runs navette until the file has its result. What a kill left in doubt waits for `settle`, perhaps twice, and a
// run does not wait for it: hence several runs, as cron would start them.
func (b *bench) finish(ctx context.Context, h home, src string, n int) (map[string]int, int, error) {
	for attempt := 0; ; attempt++ {
		u, err := b.measure(ctx, h.once(b.navette))
		if err != nil {
			return nil, 0, err
		}
		answers, err := h.answered(src)
		if err != nil || answers["sent"] == n || attempt == 10 {
			return answers, u.exit, err
		}
		if err := pause(ctx, b.settle); err != nil {
			return nil, 0, err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
