package main

// repeats tells where an identity stood before in a file.
type repeats interface {
	// put notes an identity's hash on a line and gives the line it stood on first, 0 for none.
	put(hash uint64, line int) (before int)
}

// sieveFrom is the size in bytes of files that are read with a sieve first: below it every line is remembered at once.
const sieveFrom = 64 << 20

// sieve finds the identities that may stand in a file more than once, in some 4 bytes a row instead of the 10 that
// remembering lines takes. It misses none, and names one too many about once in a thousand files of a million rows; a
// second reading settles the few it names. It is a Bloom filter whose bits lie in two cache lines each.
type sieve struct {
	blocks   [][8]uint64
	waiting  []uint64       // hashes to be marked
	touched  uint64         // means nothing
	suspects map[uint64]int // hash to first line, 0 as long as it is not known
}

// newSieve makes a sieve for a file of size bytes.
func newSieve(size int64) *sieve {
	return &sieve{blocks: make([][8]uint64, max(1024, size/58/64)), waiting: make([]uint64, 0, 64), suspects: map[uint64]int{}}
}

func (s *sieve) put(hash uint64, _ int) int {
	if s.waiting = append(s.waiting, hash); len(s.waiting) == cap(s.waiting) {
		s.settle()
	}
	return 0
}

// settle marks what waits. The blocks are touched first: they stand anywhere in a table larger than the processor's cache,
// which fetches many of them in the time of one.
func (s *sieve) settle() {
	for _, h := range s.waiting {
		s.touched ^= s.block(h)[0] ^ s.block(other(h))[0]
	}
	for _, h := range s.waiting {
		again := s.mark(h)
		if s.mark(other(h)) && again {
			s.suspects[h] = 0
		}
	}
	s.waiting = s.waiting[:0]
}

// other is an identity's second hash.
func other(hash uint64) uint64 { return (hash ^ hash>>29) * 0xbf58476d1ce4e5b9 }

func (s *sieve) block(hash uint64) *[8]uint64 { return &s.blocks[hash%uint64(len(s.blocks))] }

// mark sets seven bits of one block and tells whether all of them were set.
func (s *sieve) mark(hash uint64) bool {
	b := s.block(hash)
	all := true
	bits := (hash ^ hash>>32) * 0x94d049bb133111eb
	for range 7 {
		word, bit := bits&7, uint64(1)<<(bits>>3&63)
		all = all && b[word]&bit != 0
		b[word] |= bit
		bits >>= 9
	}
	return all
}

// suspected remembers the first lines of the identities that a sieve named, and of no other.
type suspected map[uint64]int

func (s suspected) put(hash uint64, line int) int {
	before, named := s[hash]
	if named && before == 0 {
		s[hash] = line
	}
	return before
}
