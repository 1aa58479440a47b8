package sandbox

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// change is what one call did: one line of the store, whole objects, the last word on each.
type change struct {
	Requests     []*request     `json:"requests,omitempty"`
	Transactions []*transaction `json:"transactions,omitempty"`
	Operations   []*operation   `json:"operations,omitempty"`
	Keys         []*Entry       `json:"keys,omitempty"`
	Late         []lateOrder    `json:"late,omitempty"`
	Events       []event        `json:"events,omitempty"`
	Totals       *Totals        `json:"totals,omitempty"`
	Hooked       int            `json:"hooked,omitempty"`
}

func (c *change) empty() bool {
	return c.Requests == nil && c.Transactions == nil && c.Operations == nil && c.Keys == nil && c.Late == nil && c.Events == nil &&
		c.Totals == nil && c.Hooked == 0
}

// add leaves out what was added just before; an object that stands twice in a line is the same both times.
func add[T any](list []*T, x *T) []*T {
	for i := len(list) - 1; i >= 0 && i >= len(list)-8; i-- {
		if list[i] == x {
			return list
		}
	}
	return append(list, x)
}

func (c *change) keys(e *Entry) { c.Keys = add(c.Keys, e) }
func (p *PSP) touch(r *request) { p.change.Requests = add(p.change.Requests, r) }
func (p *PSP) touchTransaction(t *transaction) {
	p.change.Transactions = add(p.change.Transactions, t)
}
func (p *PSP) touchOperation(o *operation) { p.change.Operations = add(p.change.Operations, o) }
func (p *PSP) count(f func(*Totals))       { f(&p.world.totals); p.change.Totals = &p.world.totals }

// store appends JSON lines. Each is handed to the system in one write before the answer leaves, so the PSP's truth
// survives the end of its process, kill -9 included; a power cut may take the last lines, as no line is synced.
type store struct {
	f   *os.File
	buf bytes.Buffer
}

// openStore replays a file and opens it for more. A last line without an end was cut while nobody had been answered yet:
// it is dropped.
func openStore(name string, replay func(*change) error) (*store, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, err
	}
	whole, err := readLines(f, replay)
	if err == nil {
		err = f.Truncate(whole)
	}
	if err == nil {
		_, err = f.Seek(whole, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), f.Close())
	}
	return &store{f: f}, nil
}

// readLines gives the length of the whole lines read.
func readLines(r io.Reader, replay func(*change) error) (int64, error) {
	br := bufio.NewReaderSize(r, 1<<16)
	var whole int64
	for n := 1; ; n++ {
		line, err := br.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return whole, nil
		}
		if err != nil {
			return whole, err
		}
		var c change
		if err := json.Unmarshal(line, &c); err != nil {
			return whole, fmt.Errorf("line %d is not the sandbox's: %w", n, err)
		}
		if err := replay(&c); err != nil {
			return whole, fmt.Errorf("line %d: %w", n, err)
		}
		whole += int64(len(line))
	}
}

func (s *store) append(c *change) error {
	s.buf.Reset()
	if err := json.NewEncoder(&s.buf).Encode(c); err != nil {
		return err
	}
	_, err := s.f.Write(s.buf.Bytes())
	return err
}

func (s *store) close() error { return s.f.Close() }

// replay takes a line back into the world.
func (p *PSP) replay(c *change) error {
	w := &p.world
	for _, r := range c.Requests {
		if r == nil {
			return errors.New("an empty request")
		}
		if w.requests[r.ID] == nil {
			w.order = append(w.order, r.ID)
			w.byReference[r.Reference] = append(w.byReference[r.Reference], r.ID)
		}
		w.requests[r.ID] = r
	}
	for _, t := range c.Transactions {
		if t == nil {
			return errors.New("an empty transaction")
		}
		p.addTransaction(t)
	}
	for _, o := range c.Operations {
		if o == nil {
			return errors.New("an empty operation")
		}
		w.operations[o.ID] = o
	}
	for _, e := range c.Keys {
		if e == nil {
			return errors.New("an empty key")
		}
		w.keys[e.Key] = e
	}
	for i := range c.Late {
		if l := c.Late[i]; l.Gone {
			delete(w.late, l.Number)
		} else {
			w.late[l.Number] = &l
		}
	}
	w.events = append(w.events, c.Events...)
	if c.Totals != nil {
		w.totals = *c.Totals
	}
	p.hookDone = max(p.hookDone, c.Hooked)
	p.change = change{}
	return nil
}
