package payboxsim

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/navette-connect/navette/connector/gateway/simkit"
)

// Faults is what goes wrong. A fault is one of:
//
//	lost hang garbled strange   the effect, then: connection cut, silence, half an answer, a CODEREPONSE nobody knows
//	cut html refuse echo        no effect: connection cut, a page, 00011, 00011 repeating the key and what came
//	503 done-503                that HTTP status, without or after the effect
//	code-00001                  that CODEREPONSE, without effect
type Faults struct {
	Next   []string           `json:"next,omitempty"`   // for the next questions that act, one each; "" = none
	Share  map[string]float64 `json:"share,omitempty"`  // that share of them, by chance
	Hosts  map[string]string  `json:"hosts,omitempty"`  // by host (main, second): what every question meets there
	Reads  string             `json:"reads,omitempty"`  // what questions that only ask meet
	Notice string             `json:"notice,omitempty"` // of notifications: none, twice, forged, get (as the query of a GET)
	Delay  Duration           `json:"delay,omitempty"`  // before each answer of an acting question
}

// Duration is a time.Duration written as people do.
type Duration = simkit.Duration

func known(f string) bool {
	if slices.Contains([]string{"", "lost", "hang", "garbled", "strange", "cut", "html", "refuse", "echo"}, f) {
		return true
	}
	if c, ok := strings.CutPrefix(f, "code-"); ok {
		return len(c) == 5
	}
	n, _ := status(f)
	return n != 0
}

func status(f string) (code int, effect bool) { return simkit.Fault(f).Status() }

func (f *Faults) check() error {
	list := append(slices.Collect(maps.Values(f.Hosts)), slices.Collect(maps.Keys(f.Share))...)
	for _, x := range append(append(list, f.Next...), f.Reads) {
		if !known(x) {
			return fmt.Errorf("fault %q is unknown", x)
		}
	}
	if !slices.Contains([]string{"", "none", "twice", "forged", "get"}, f.Notice) {
		return fmt.Errorf("notice %q is unknown", f.Notice)
	}
	return nil
}

// SetFaults replaces the faults; an error names the one that is unknown.
func (p *PSP) SetFaults(f Faults) error {
	if err := f.check(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = f
	return nil
}

// Break adds a fault for the next question that acts.
func (p *PSP) Break(f string) error {
	if !known(f) {
		return fmt.Errorf("fault %q is unknown", f)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults.Next = append(p.faults.Next, f)
	return nil
}

// pick chooses the fault of a question. Called under the lock.
func (p *PSP) pick(host string, acts bool) string {
	if f := p.faults.Hosts[host]; f != "" {
		return f
	}
	if !acts {
		return p.faults.Reads
	}
	if len(p.faults.Next) > 0 {
		f := p.faults.Next[0]
		p.faults.Next = p.faults.Next[1:]
		return f
	}
	return simkit.Pick(1, nil, p.faults.Share, p.rng.Float64)
}

// Script says what customers do once their browser has reached the hosted page, by PBX_CMD; the first rule that fits
// decides. Without one they wait for a click.
type Script struct {
	Rules        []Rule        `yaml:"rules"`
	Transactions []Transaction `yaml:"-"`
	Given        []struct {
		ID        string `yaml:"id"` // NUMTRANS/NUMAPPEL
		Reference string `yaml:"reference"`
		Amount    int64  `yaml:"amount"` // minor units
		State     string `yaml:"state"`  // authorised (default), captured
	} `yaml:"transactions"`
}

// Rule is one habit of customers. Do: pay, refuse, leave.
type Rule struct {
	Match string `yaml:"match"` // * is any text, ? any character; slashes are text like any other
	Do    string `yaml:"do"`
}

// ParseScript reads a script; an error says what is wrong with it.
func ParseScript(b []byte) (*Script, error) {
	var s Script
	if err := yaml.UnmarshalWithOptions(b, &s, yaml.Strict()); err != nil {
		return nil, err
	}
	for _, r := range s.Rules {
		if _, err := path.Match(r.Match, ""); err != nil || !slices.Contains([]string{"pay", "refuse", "leave"}, r.Do) {
			return nil, fmt.Errorf("rule %q: a pattern, and `do: pay`, `refuse` or `leave`", r.Match)
		}
	}
	for _, g := range s.Given {
		trans, call, ok := strings.Cut(g.ID, "/")
		st, known := map[string]Status{"": Authorised, "authorised": Authorised, "captured": Captured}[g.State]
		if !ok || !known {
			return nil, fmt.Errorf("transaction %q: id NUMTRANS/NUMAPPEL, state authorised or captured", g.ID)
		}
		s.Transactions = append(s.Transactions, Transaction{Trans: trans, Call: call, Reference: g.Reference, Amount: g.Amount, Status: st})
	}
	return &s, nil
}

// habit gives what a customer does by the script, "" for none.
func (s *Script) habit(order string) string {
	if s == nil {
		return ""
	}
	flat := strings.ReplaceAll(order, "/", "|")
	for _, r := range s.Rules {
		if ok, _ := path.Match(strings.ReplaceAll(r.Match, "/", "|"), flat); ok {
			return r.Do
		}
	}
	return ""
}
