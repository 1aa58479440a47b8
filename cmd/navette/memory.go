package main

import (
	"bufio"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// ballast counts as memory in use and is never touched, so no page of it exists. A row on its way leaves garbage, but hardly
// anything lives long: without ballast the collector would run after every two or three megabytes, an eighth of all work. A
// service with nothing to do goes without: what it leaves should be little. One goroutine at a time uses it.
type ballast struct{ bytes []byte }

const ballastBytes = 6 << 20

func (b *ballast) hold() {
	if b.bytes == nil {
		b.bytes = make([]byte, ballastBytes)
	}
}

// drop tells whether there was any.
func (b *ballast) drop() bool {
	had := b.bytes != nil
	b.bytes = nil
	return had
}

// giveBack returns what only the start needed, or a large file: free memory, and the pages of the program itself (some twenty megabytes,
// most of them never used again). The kernel fetches a page of the program again from its cache when it is.
func giveBack(log zerolog.Logger) {
	debug.FreeOSMemory()
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return // no /proc: nothing is lost
	}
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return
	}
	defer f.Close()
	for _, m := range programPages(bufio.NewScanner(f), exe) {
		if _, _, err := unix.Syscall(unix.SYS_MADVISE, m.from, m.to-m.from, unix.MADV_DONTNEED); err != 0 {
			log.Debug().Err(err).Msg("pages of the program were not given back")
		}
	}
}

// pages are the addresses of a mapping.
type pages struct{ from, to uintptr }

// programPages finds in a process's smaps (proc(5)) the mappings of exe that are nothing but the file: not writable, and no
// page of theirs ever changed (relocated ones are, and exist nowhere else).
func programPages(smaps *bufio.Scanner, exe string) (list []pages) {
	var m pages
	ours := false
	for smaps.Scan() {
		fields := strings.Fields(smaps.Text())
		switch {
		case len(fields) >= 5 && strings.Contains(fields[0], "-"):
			from, to, _ := strings.Cut(fields[0], "-")
			a, err1 := strconv.ParseUint(from, 16, 64)
			b, err2 := strconv.ParseUint(to, 16, 64)
			m = pages{uintptr(a), uintptr(b)}
			ours = err1 == nil && err2 == nil && !strings.Contains(fields[1], "w") && len(fields) == 6 && fields[5] == exe
		case ours && len(fields) >= 2 && fields[0] == "Anonymous:":
			if fields[1] == "0" {
				list = append(list, m)
			}
			ours = false
		}
	}
	return list
}
