package main

import (
	"bufio"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

// A page that may be given back is one of the program's file, never written: anything else exists nowhere but in memory.
func TestProgramPages(t *testing.T) {
	const smaps = `00400000-01070000 r-xp 00000000 08:01 42                         /usr/bin/navette
Rss:               10836 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me sd
01070000-01cb7000 r--p 00c70000 08:01 42                         /usr/bin/navette
Anonymous:             0 kB
01cb7000-01cb8000 r--p 018b7000 08:01 42                         /usr/bin/navette
Anonymous:             4 kB
01cb8000-01dae000 rw-p 018b8000 08:01 42                         /usr/bin/navette
Anonymous:             0 kB
7fb5e4610000-7fb5e4890000 r--p 00000000 00:00 0
Anonymous:             0 kB
7fb5e5610000-7fb5e5890000 r-xp 00000000 08:01 43                 /usr/bin/navette-other
Anonymous:             0 kB
`
	got := programPages(bufio.NewScanner(strings.NewReader(smaps)), "/usr/bin/navette")
	if want := []pages{{0x400000, 0x1070000}, {0x1070000, 0x1cb7000}}; !slices.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
	giveBack(zerolog.Nop()) // this program goes on
}
