package sandbox

import (
	"maps"
	"time"
)

// Entry is the ledger's page of one idempotency key.
type Entry struct {
	Key       string         `json:"key"`
	Operation string         `json:"operation"` // "request", "capture", "refund" …
	Reference string         `json:"reference"`
	Part      string         `json:"part"`
	Arrivals  int            `json:"arrivals"` // POSTs under this key, whatever became of them
	Effects   int            `json:"effects"`  // objects made
	Answers   map[string]int `json:"answers"`  // statuses given; "lost", "cut" … for those withheld
	Bodies    map[string]int `json:"bodies"`   // SHA-256 of each body that came
	Objects   []string       `json:"objects"`  // ids of the objects made
}

// Totals counts what happened since the beginning.
type Totals struct {
	Arrivals int `json:"arrivals"` // POSTs
	Effects  int `json:"effects"`
	Answered int `json:"answered"`
	Withheld int `json:"withheld"` // answers not given, or not readable
	Refused  int `json:"refused"`
	Lookups  int `json:"lookups"`
	Reads    int `json:"reads"` // of requests and of the feed
}

// Ledger is the whole truth, for tests and for GET /_ledger.
type Ledger struct {
	Keys   map[string]Entry `json:"keys"`
	Totals Totals           `json:"totals"`
	// Sums over Keys: Doubled counts keys with more than one effect, Drifted those with more than one body.
	Doubled int `json:"doubled"`
	Drifted int `json:"drifted"`
	// AskedTwice counts references (with their part) that have more than one live payment request.
	AskedTwice int `json:"asked_twice"`
	Events     int `json:"events"`
}

// Ledger gives a copy of the ledger as it stands.
func (p *PSP) Ledger() (Ledger, error) {
	var l Ledger
	err := p.with(func(time.Time) {
		l = Ledger{Keys: make(map[string]Entry, len(p.world.keys)), Totals: p.world.totals, Events: len(p.world.events)}
		for k, e := range p.world.keys {
			l.Keys[k] = e.clone()
			if e.Effects > 1 {
				l.Doubled++
			}
			if len(e.Bodies) > 1 {
				l.Drifted++
			}
		}
		for _, ids := range p.world.byReference {
			parts := map[string]int{}
			for _, id := range ids {
				if r := p.world.requests[id]; live(r) {
					parts[r.Part]++
				}
			}
			for _, n := range parts {
				if n > 1 {
					l.AskedTwice++
				}
			}
		}
	})
	return l, err
}

func (e *Entry) clone() Entry {
	c := *e
	c.Answers, c.Bodies = maps.Clone(e.Answers), maps.Clone(e.Bodies)
	c.Objects = append([]string(nil), e.Objects...)
	return c
}

// entry opens the page of a key.
func (p *PSP) entry(o *order) *Entry {
	e := p.world.keys[o.Key]
	if e == nil {
		e = &Entry{Key: o.Key, Operation: o.Operation, Reference: o.Reference, Part: o.Part, Answers: map[string]int{}, Bodies: map[string]int{}}
		p.world.keys[o.Key] = e
	}
	p.change.keys(e)
	return e
}

func (e *Entry) answer(how string) {
	if e.Answers == nil { // read back from a file
		e.Answers = map[string]int{}
	}
	e.Answers[how]++
}
