// Package simkit is what the simulators of PSPs share: the faults that each of them can play, and how they misbehave on the
// wire. No gateway imports it, so that none is tried against its own code.
package simkit

import (
	"context"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fault is one way to misbehave on a call that may have an effect. Besides the named ones: "503" (300 to 599) is that bare
// status without effect, as something in front of a PSP gives; "done-503" the same after the effect.
type Fault string

// The named faults that every PSP can have.
const (
	Lost    Fault = "lost"    // the effect, then the connection is cut
	Cut     Fault = "cut"     // the connection is cut once the request was read; no effect
	Late    Fault = "late"    // the connection is cut, and the effect comes later
	Hang    Fault = "hang"    // the effect, then no answer until the client gives up
	Garbled Fault = "garbled" // the effect, then half an answer
	Strange Fault = "strange" // the effect, then a state nobody knows
	HTML    Fault = "html"    // no effect; a page of HTML with status 200, as a captive proxy gives
	Refuse  Fault = "refuse"  // no effect; refused in the PSP's words
	Echo    Fault = "echo"    // refused, repeating credentials and the customer's data
)

// Status splits "503" and "done-503"; 0 for any other fault.
func (f Fault) Status() (code int, effect bool) {
	s, effect := strings.CutPrefix(string(f), "done-")
	n, err := strconv.Atoi(s)
	if err != nil || n < 300 || n > 599 || len(s) != 3 {
		return 0, false
	}
	return n, effect
}

// Known tells whether a fault is one of those above, or none ("").
func (f Fault) Known() bool {
	switch f {
	case "", Lost, Cut, Late, Hang, Garbled, Strange, HTML, Refuse, Echo:
		return true
	}
	n, _ := f.Status()
	return n != 0
}

// Pick chooses the fault of the nth call, n from 1: each Nth, else a share of them, 0 to 1, by a chance that draw gives.
// Names are gone through in order, so that a seed gives the same faults again.
func Pick[F ~string](n int, every map[F]int, share map[F]float64, draw func() float64) F {
	for _, x := range slices.Sorted(maps.Keys(every)) {
		if every[x] > 0 && n%every[x] == 0 {
			return x
		}
	}
	if len(share) == 0 {
		return ""
	}
	left := draw()
	for _, x := range slices.Sorted(maps.Keys(share)) {
		if left -= share[x]; left < 0 {
			return x
		}
	}
	return ""
}

// Duration is a time.Duration written as people do: "2s", "150ms".
type Duration time.Duration

// MarshalText writes "2s".
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads "2s".
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil || v < 0 {
		return fmt.Errorf("%q is no duration such as 2s or 150ms", b)
	}
	*d = Duration(v)
	return nil
}

// Hangup ends the connection without an answer.
func Hangup(w http.ResponseWriter) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil { // no connection of its own: promise more than comes, which ends it as well
		w.Header().Set("Content-Length", "100")
		return
	}
	c.Close()
}

// Forever is longer than anybody waits.
const Forever = time.Duration(math.MaxInt64)

// Sleep waits; false when the context ended first, or its deadline came, for which not every context has a timer.
func Sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	whole := true
	if end, ok := ctx.Deadline(); ok && time.Until(end) < d {
		d, whole = time.Until(end), false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return whole
	case <-ctx.Done():
		return false
	}
}
