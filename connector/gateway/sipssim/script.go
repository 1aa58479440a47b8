package sipssim

import (
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/goccy/go-yaml"
)

// Script says what customers do on the page by themselves; the first rule that fits an initialised payment decides.
// Without one they wait for a click. Beside them stands what the account is like: as in Options, where nothing is said there.
type Script struct {
	Rules    []Rule        `yaml:"rules"`
	Lag      time.Duration `yaml:"lag"`      // how long a new transaction is unknown to Office (25)
	Off      []string      `yaml:"off"`      // functions that the contract lacks (40)
	Unsealed bool          `yaml:"unsealed"` // answers without a seal, as the test platform may give
}

// Rule is one line of a script.
type Rule struct {
	Match string        `yaml:"match"` // of the orderId: * any text, ? any character; "" = all
	Every int           `yaml:"every"` // only each Nth payment that matches; 0 = each
	Do    string        `yaml:"do"`    // pay, refuse, challenge, or nothing
	After time.Duration `yaml:"after"`
	seen  int
}

// ParseScript reads a script in YAML; unknown words are errors.
func ParseScript(text []byte) (*Script, error) {
	var s Script
	if err := yaml.UnmarshalWithOptions(text, &s, yaml.Strict()); err != nil {
		return nil, err
	}
	for _, f := range s.Off {
		if !slices.Contains([]string{"validate", "cancel", "refund", "duplicate"}, f) {
			return nil, fmt.Errorf("off: %q is none of validate, cancel, refund, duplicate", f)
		}
	}
	if s.Lag < 0 {
		return nil, fmt.Errorf("lag: %v is before now", s.Lag)
	}
	for i, r := range s.Rules {
		if !slices.Contains([]string{"pay", "refuse", "challenge", "nothing"}, r.Do) {
			return nil, fmt.Errorf("rule %d: a customer does pay, refuse, challenge or nothing", i+1)
		}
		if _, err := path.Match(r.Match, ""); err != nil || r.Every < 0 || r.After < 0 {
			return nil, fmt.Errorf("rule %d: match, every or after cannot be used", i+1)
		}
	}
	return &s, nil
}

// customer gives what is done about an order; ok is false when nobody does anything.
func (s *Script) customer(order string) (do string, after time.Duration, ok bool) {
	if s == nil {
		return "", 0, false
	}
	for i := range s.Rules {
		r := &s.Rules[i]
		if fits, _ := path.Match(r.Match, order); r.Match != "" && !fits {
			continue
		}
		if r.seen++; r.Every > 1 && r.seen%r.Every != 0 {
			continue
		}
		return r.Do, r.After, r.Do != "nothing"
	}
	return "", 0, false
}
