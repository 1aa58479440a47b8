package connector

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/navette-connect/navette/connector/message"
)

// growth is how many times its size a file may take on the state's disk: its copy, its rows in the journal and in the
// journal's log, its returns.
const growth = 4

// room refuses to take a file of a size while that would bring the state's disk below its floor (NV-3020): what is in
// flight must still be recorded, and answered.
func (e *engine) room(size int64) error {
	if e.DiskFloor <= 0 {
		return nil
	}
	free, err := e.free()
	if err != nil || free >= e.DiskFloor+growth*size {
		return err
	}
	return &Trouble{Code: "NV-3020", Text: message.New("NV-3020.low", "folder", e.StateDir, "free", megabytes(free), "need", megabytes(e.DiskFloor+growth*size))}
}

// full tells that the disk is so far below its floor that nothing more is sent: an answer might not be kept.
func (e *engine) full() bool {
	if e.DiskFloor <= 0 {
		return false
	}
	free, err := e.free()
	return err == nil && free < e.DiskFloor/4
}

// free is how many bytes the state's disk has for this user.
func (e *engine) free() (int64, error) {
	if e.Free != nil {
		return e.Free()
	}
	var st unix.Statfs_t
	if err := unix.Statfs(e.StateDir, &st); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", e.StateDir, err)
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

func megabytes(n int64) string { return fmt.Sprintf("%d MB", n/1e6) }
