package main

// firstLines remembers on which line each identity of a file stood first, in some ten bytes an identity: a file may
// have millions. It keeps 54 bits of a hash, so that in a file of a million rows one is taken for another's repeat once
// in some thirty thousand checks; the service itself compares the identities.
type firstLines struct {
	shards [1 << 16][]uint64 // by the first bits of the hash; each entry the last of them, then the line
}

// lineBits bounds the line that is remembered; the ones behind it count as it.
const lineBits = 26

// put notes an identity's hash and gives the line it stood on before, 0 for none.
func (f *firstLines) put(hash uint64, line int) (before int) {
	shard := &f.shards[hash>>48]
	tag := hash << lineBits
	for _, e := range *shard {
		if e>>lineBits == tag>>lineBits {
			return int(e & (1<<lineBits - 1))
		}
	}
	*shard = append(*shard, tag|uint64(min(line, 1<<lineBits-1)))
	return 0
}
