package sandbox

import (
	"fmt"
	"slices"

	"github.com/navette-connect/navette/connector/gateway/simkit"
)

// Fault is one way to misbehave on a POST.
type Fault = simkit.Fault

// The named faults. Refuse answers with a problem+json.
const (
	Lost, Cut, Late, Hang = simkit.Lost, simkit.Cut, simkit.Late, simkit.Hang
	Garbled, Strange      = simkit.Garbled, simkit.Strange
	HTML, Refuse, Echo    = simkit.HTML, simkit.Refuse, simkit.Echo
)

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
		if !x.Known() {
			return bad(x)
		}
	}
	for x, n := range f.Every {
		if !x.Known() || x == "" || n < 1 {
			return bad(x)
		}
	}
	for x, share := range f.Share {
		if !x.Known() || x == "" || !(share >= 0 && share <= 1) {
			return bad(x)
		}
	}
	for _, s := range []string{f.Lookup, f.Feed} {
		if n, effect := Fault(s).Status(); s != "" && s != "html" && s != "garbled" && (n == 0 || effect) {
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
	return simkit.Pick(n, f.Every, f.Share, p.rng.Float64)
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
	if !x.Known() {
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
type Duration = simkit.Duration
