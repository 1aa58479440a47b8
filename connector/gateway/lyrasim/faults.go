package lyrasim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/navette-connect/navette/connector/gateway/simkit"
)

// Fault is one way to misbehave on a call that may have an effect.
type Fault = simkit.Fault

// The named faults.
const (
	Lost, Cut, Late, Hang = simkit.Lost, simkit.Cut, simkit.Late, simkit.Hang
	Garbled, Strange      = simkit.Garbled, simkit.Strange // Strange: a status nobody knows
	HTML, Refuse, Echo    = simkit.HTML, simkit.Refuse, simkit.Echo
)

// codeOf is the PSP's error of a fault such as "code-PSP_099": no effect, and that code in an envelope; "" for any other.
func codeOf(f Fault) string {
	code, ok := strings.CutPrefix(string(f), "code-")
	if prefix, number, cut := strings.Cut(code, "_"); !ok || !cut || prefix == "" || len(number) != 3 {
		return ""
	}
	return code
}

func known(f Fault) bool { return f.Known() || codeOf(f) != "" }

// Faults is what goes wrong, and how often. Beside the faults of all PSPs, "code-PSP_099" is that error without effect.
type Faults struct {
	Next  []Fault           `json:"next,omitempty"`  // for the next calls with an effect, one each; "" = none
	Every map[Fault]int     `json:"every,omitempty"` // each Nth
	Share map[Fault]float64 `json:"share,omitempty"` // that share, 0 to 1, by chance
	Reads Fault             `json:"reads,omitempty"` // every call without effect: a status, html, garbled, code-…

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
		if !known(x) {
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
	if !known(f) {
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
	return simkit.Pick(p.acts, p.faults.Every, p.faults.Share, p.rng.Float64), latency
}
