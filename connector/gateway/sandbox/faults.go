package sandbox

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fault is one way to misbehave on a POST. Besides the named ones: "503" (any number from 300 to 599) answers with that
// bare status and has no effect; "done-503" has the effect, then answers with that status.
type Fault string

// The named faults.
const (
	Lost    Fault = "lost"    // the effect, then the connection is cut
	Cut     Fault = "cut"     // the connection is cut once the request was read; no effect
	Late    Fault = "late"    // the connection is cut, and the effect comes Delay later
	Hang    Fault = "hang"    // the effect, then no answer until the client gives up
	Garbled Fault = "garbled" // the effect, then half an answer
	Strange Fault = "strange" // the effect, then a state nobody knows
	HTML    Fault = "html"    // no effect; a page of HTML with status 200, as a captive proxy gives
	Refuse  Fault = "refuse"  // no effect; refused as a problem+json
	Echo    Fault = "echo"    // refused, repeating the credentials and the customer's e-mail address
)

// status splits "503" and "done-503"; 0 for a named fault.
func (f Fault) status() (code int, effect bool) {
	s, effect := strings.CutPrefix(string(f), "done-")
	n, err := strconv.Atoi(s)
	if err != nil || n < 300 || n > 599 || len(s) != 3 {
		return 0, false
	}
	return n, effect
}

func (f Fault) known() bool {
	switch f {
	case "", Lost, Cut, Late, Hang, Garbled, Strange, HTML, Refuse, Echo:
		return true
	}
	n, _ := f.status()
	return n != 0
}

// Faults is what goes wrong, and how often. The zero value is a PSP without fault.
type Faults struct {
	Next   []Fault           `json:"next,omitempty"`   // for the next POSTs, one each; "" = none
	Always Fault             `json:"always,omitempty"` // for every other POST
	Every  map[Fault]int     `json:"every,omitempty"`  // each Nth POST
	Share  map[Fault]float64 `json:"share,omitempty"`  // that share of the POSTs, 0 to 1, by chance

	Lookup string   `json:"lookup,omitempty"` // what look-ups and reads answer instead: a status such as "404" or "503", "html", "garbled"
	Feed   string   `json:"feed,omitempty"`   // the same for the feed
	Lag    Duration `json:"lag,omitempty"`    // a look-up does not see what is younger

	Latency    Duration `json:"latency,omitempty"`     // between a POST's effect and its answer
	Delay      Duration `json:"delay,omitempty"`       // of Late; 0 = 1 s
	RetryAfter string   `json:"retry_after,omitempty"` // header of 429 and 503: seconds or an HTTP date
}

func (f *Faults) check() error {
	bad := func(x Fault) error { return fmt.Errorf("fault %q is unknown", string(x)) }
	for _, x := range append(slices.Clone(f.Next), f.Always) {
		if !x.known() {
			return bad(x)
		}
	}
	for x, n := range f.Every {
		if !x.known() || x == "" || n < 1 {
			return bad(x)
		}
	}
	for x, share := range f.Share {
		if !x.known() || x == "" || !(share >= 0 && share <= 1) {
			return bad(x)
		}
	}
	for _, s := range []string{f.Lookup, f.Feed} {
		if n, effect := Fault(s).status(); s != "" && s != "html" && s != "garbled" && (n == 0 || effect) {
			return bad(Fault(s))
		}
	}
	return nil
}

// pick chooses the fault of POST number n. Called under the lock: the chance is drawn in one order.
func (p *PSP) pick(n int) Fault {
	f := &p.faults
	if len(f.Next) > 0 {
		x := f.Next[0]
		f.Next = f.Next[1:]
		return x
	}
	if f.Always != "" {
		return f.Always
	}
	for _, x := range slices.Sorted(maps.Keys(f.Every)) {
		if n%f.Every[x] == 0 {
			return x
		}
	}
	if len(f.Share) == 0 {
		return ""
	}
	draw := p.rng.Float64()
	for _, x := range slices.Sorted(maps.Keys(f.Share)) {
		if draw -= f.Share[x]; draw < 0 {
			return x
		}
	}
	return ""
}

// SetFaults replaces the faults; an error names the one that is unknown.
func (p *PSP) SetFaults(f Faults) error {
	if err := f.check(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	f.Next = slices.Clone(f.Next)
	p.faults = f
	return nil
}

// Break adds a fault for the next POST to which none is assigned yet.
func (p *PSP) Break(x Fault) error {
	if !x.known() {
		return fmt.Errorf("fault %q is unknown", string(x))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults.Next = append(p.faults.Next, x)
	return nil
}

// FaultsNow gives the faults as they stand.
func (p *PSP) FaultsNow() Faults {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.faults
	f.Next = slices.Clone(f.Next)
	return f
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
