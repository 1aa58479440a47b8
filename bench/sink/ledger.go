package main

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// effect is what a request made the PSP do, as a look-up tells it.
type effect struct {
	operation bool
	reference string
	part      string
	value     int64 // minor units
	currency  string
}

// ledger remembers each key's first effect and which documents had one. Keys and documents are kept as hashes, so that
// a million of them stay small.
type ledger struct {
	seed        maphash.Seed
	shards      [64]shard
	keys, docs  atomic.Int64 // distinct
	again, more atomic.Int64 // requests under a known key; effects beyond a document's first
}

type shard struct {
	sync.Mutex
	keys map[uint64]effect
	docs map[uint64]bool
}

func newLedger() *ledger {
	l := &ledger{seed: maphash.MakeSeed()}
	for i := range l.shards {
		l.shards[i].keys, l.shards[i].docs = map[uint64]effect{}, map[uint64]bool{}
	}
	return l
}

// id is the object's number at this PSP for a key.
func (l *ledger) id(key string) uint64 { return maphash.String(l.seed, key) }

// take books a request. repeated tells that the key was known; the answer is then the first one's. A known key has a
// second effect only where keys are not honoured; a payment request under a new key whose reference and part had one
// already is a second effect always.
func (l *ledger) take(key string, e effect, idempotent bool) (first effect, repeated bool) {
	id := l.id(key)
	s := &l.shards[id%64]
	s.Lock()
	first, repeated = s.keys[id]
	if !repeated {
		s.keys[id] = e
		first = e
	}
	s.Unlock()
	if repeated {
		l.again.Add(1)
		if !idempotent {
			l.more.Add(1)
		}
		return first, true
	}
	l.keys.Add(1)
	if !e.operation && e.reference != "" {
		l.document(e.reference + "\x00" + e.part)
	}
	return first, false
}

func (l *ledger) document(name string) {
	d := maphash.String(l.seed, name)
	s := &l.shards[d%64]
	s.Lock()
	known := s.docs[d]
	s.docs[d] = true
	s.Unlock()
	if known {
		l.more.Add(1)
		return
	}
	l.docs.Add(1)
}

// find gives what the object of that number did first.
func (l *ledger) find(id uint64) (effect, bool) {
	s := &l.shards[id%64]
	s.Lock()
	defer s.Unlock()
	e, ok := s.keys[id]
	return e, ok
}
