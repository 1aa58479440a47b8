package lyrasim

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fault is one way to misbehave on a call that may have an effect. Besides the named ones: "503" (300 to 599) is that bare
// status without effect, as something in front of the PSP gives; "done-503" the same after the effect.
type Fault string

// The named faults.
const (
	Lost    Fault = "lost"    // the effect, then the connection is cut
	Cut     Fault = "cut"     // the connection is cut once the request was read; no effect
	Late    Fault = "late"    // the connection is cut, and the effect comes Delay later
	Hang    Fault = "hang"    // the effect, then no answer until the client gives up
	Garbled Fault = "garbled" // the effect, then half an answer
	Strange Fault = "strange" // the effect, then a status nobody knows
	HTML    Fault = "html"    // no effect; a page of HTML with status 200
	Refuse  Fault = "refuse"  // no effect; refused in the PSP's words
	Echo    Fault = "echo"    // the same, repeating the key and the customer's data
)

func (f Fault) status() (code int, effect bool) {
	s, effect := strings.CutPrefix(string(f), "done-")
	n, err := strconv.Atoi(s)
	if err != nil || n < 300 || n > 599 || len(s) != 3 {
		return 0, false
	}
	return n, effect
}

func (f Fault) isStatus() bool { n, _ := f.status(); return n != 0 }

func (f Fault) known() bool {
	switch f {
	case "", Lost, Cut, Late, Hang, Garbled, Strange, HTML, Refuse, Echo:
		return true
	}
	return f.isStatus()
}

// Faults is what goes wrong, and how often.
type Faults struct {
	Next  []Fault           `json:"next,omitempty"`  // for the next calls with an effect, one each; "" = none
	Every map[Fault]int     `json:"every,omitempty"` // each Nth
	Share map[Fault]float64 `json:"share,omitempty"` // that share, 0 to 1, by chance
	Reads Fault             `json:"reads,omitempty"` // every call without effect: a status, html, garbled

	Latency    Duration `json:"latency,omitempty"`     // between the effect and the answer
	Delay      Duration `json:"delay,omitempty"`       // of Late
	RetryAfter string   `json:"retry_after,omitempty"` // header of bare statuses
}

// lateCall takes effect at a time, whoever still waits.
type lateCall struct {
	at   time.Time
	call *call
}

// SetFaults replaces the faults; an error names the one that is unknown.
func (p *PSP) SetFaults(f Faults) error {
	for _, x := range slices.Concat(f.Next, slices.Collect(maps.Keys(f.Every)), slices.Collect(maps.Keys(f.Share)), []Fault{f.Reads}) {
		if !x.known() {
			return fmt.Errorf("fault %q is unknown", string(x))
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	f.Next = slices.Clone(f.Next)
	p.faults = f
	return nil
}

// Break adds a fault for the next call with an effect that has none yet.
func (p *PSP) Break(f Fault) error {
	if !f.known() {
		return fmt.Errorf("fault %q is unknown", string(f))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults.Next = append(p.faults.Next, f)
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

// meet counts a call and chooses its fault.
func (p *PSP) meet(c *call, acts bool) (Fault, time.Duration) {
	p.ledger.called(c, acts)
	if !acts {
		return p.faults.Reads, 0
	}
	p.acts++
	latency := time.Duration(p.faults.Latency)
	if f := &p.faults; len(f.Next) > 0 {
		x := f.Next[0]
		f.Next = f.Next[1:]
		return x, latency
	}
	for _, x := range slices.Sorted(maps.Keys(p.faults.Every)) {
		if n := p.faults.Every[x]; n > 0 && p.acts%n == 0 {
			return x, latency
		}
	}
	if len(p.faults.Share) > 0 {
		draw := p.rng.Float64()
		for _, x := range slices.Sorted(maps.Keys(p.faults.Share)) {
			if draw -= p.faults.Share[x]; draw < 0 {
				return x, latency
			}
		}
	}
	return "", latency
}
