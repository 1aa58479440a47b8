package mappings

import (
	"context"
	"iter"
	"strconv"
	"sync"

	"github.com/navette-connect/navette/connector/payment"
)

// sectionSize is how many bytes of a file a worker reads at a time. Memory holds the documents of a few of them.
const sectionSize = 48 << 10

// slot is what every document of one row needs, in one allocation.
type slot struct {
	doc   Document
	rows  [1]Row
	ins   [1]payment.Instruction
	pairs []payment.Pair
}

// batch is one section of a file and what a worker made of it. It is used again for a later section.
type batch struct {
	section  Section
	skip     int // records that stand above the data
	slots    []*slot
	used     int
	arena    []byte // where the raw bytes of its rows are kept
	leftOut  int
	totalBad bool
	err      error // behind the last document
	done     chan struct{}
}

// Recycle lets the documents to come take the room of those given so far, which nobody may look at any more; their texts
// stay. Where documents stay open beside others it does nothing.
func (r *Reading) Recycle() {
	if r.m.group != nil || r.m.records != nil {
		return
	}
	if r.batch == nil {
		r.batch = &batch{}
	}
	r.batch.used, r.row.arena = 0, r.row.arena[:0]
}

// slot gives room for a document.
func (r *Reading) slot() *slot {
	b := r.batch
	if b == nil {
		return &slot{}
	}
	if b.used == len(b.slots) {
		b.slots = append(b.slots, &slot{})
	}
	s := b.slots[b.used]
	*s = slot{pairs: s.pairs}
	b.used++
	return s
}

// pairs gives room for n pairs of the document being made.
func (r *Reading) pairs(n int) []payment.Pair {
	b := r.batch
	if b == nil {
		return make([]payment.Pair, n)
	}
	s := b.slots[b.used-1]
	if cap(s.pairs) < n {
		s.pairs = make([]payment.Pair, n)
	}
	return s.pairs[:n]
}

// divisible tells whether no row asks what another row said.
func (r *Reading) divisible() bool {
	m := r.m
	return m.group == nil && m.records == nil && m.fill == nil && !m.ranked && m.from == nil && m.until == nil && (r.width > 0 || r.fixed())
}

// Passing yields what Documents yields, in the same order, but a document only until the next one is asked for: it is
// for those who look and keep nothing, texts cloned apart. Where rows stand for themselves, workers read parts of the
// file at the same time; memory does not depend on the file.
func (r *Reading) Passing(ctx context.Context, workers int) iter.Seq2[*Document, error] {
	d, ok := r.table.(Divider)
	if !ok || workers < 2 || r.src.Size < 2*sectionSize || !r.divisible() {
		return r.Documents(ctx)
	}
	return func(yield func(*Document, error) bool) {
		r.counted = counts{}
		ctx, stop := context.WithCancel(ctx)
		var running sync.WaitGroup
		defer running.Wait()
		defer stop()
		batches := workers + 2
		free, work, order := make(chan *batch, batches), make(chan *batch, batches), make(chan *batch, batches)
		for range batches {
			free <- &batch{done: make(chan struct{}, 1)}
		}
		running.Go(func() {
			defer close(order)
			defer close(work)
			skip := r.start
			for part := range d.Sections(sectionSize, r.start) {
				select {
				case b := <-free:
					b.section, b.skip, skip = part, skip, 0
					work <- b
					order <- b
				case <-ctx.Done():
					return
				}
			}
		})
		for range workers {
			w := r.worker() // made here: counting goes on in r
			running.Go(func() {
				within := d.Within()
				for b := range work {
					w.readSection(ctx, within(b.section), b)
					b.done <- struct{}{}
				}
			})
		}
		for b := range order {
			<-b.done
			if !r.pass(b, yield) {
				return
			}
			free <- b
		}
		if err := ctx.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// worker is a reading of the same file with its own row and its own machine for expressions.
func (r *Reading) worker() *Reading {
	w := *r
	w.row, w.known, w.warnings = rowState{}, nil, nil
	if r.scope != nil {
		w.scope = newScope()
		w.scope.env[todayName] = r.env.Today
	}
	w.row.init(&w)
	return &w
}

// readSection makes documents of one section.
func (r *Reading) readSection(ctx context.Context, records iter.Seq2[Record, error], b *batch) {
	b.used, b.err = 0, nil
	r.batch, r.counted, r.row.arena = b, counts{}, b.arena[:0]
	n := 0
	for rec, err := range records {
		if n++; n <= b.skip {
			continue
		}
		if n%256 == 0 && ctx.Err() != nil {
			b.err = ctx.Err()
			break
		}
		if _, b.err = r.record(rec, err); b.err != nil {
			break
		}
	}
	b.arena, b.leftOut, b.totalBad = r.row.arena, r.counted.leftOut, r.counted.totalBad
}

// pass hands out the documents of one section and counts them; false ends the sequence.
func (r *Reading) pass(b *batch, yield func(*Document, error) bool) bool {
	r.counted.totalBad = r.counted.totalBad || b.totalBad
	for _, s := range b.slots[:b.used] {
		if r.counted.rows++; r.counted.rows > r.m.source.MaxRows {
			yield(nil, Refuse(0, "NV-1003.rows", "limit", strconv.Itoa(r.m.source.MaxRows)))
			return false
		}
		r.count(&s.doc)
		if !yield(&s.doc, nil) {
			return false
		}
	}
	r.counted.leftOut += b.leftOut
	if b.err != nil {
		yield(nil, b.err)
		return false
	}
	return true
}
