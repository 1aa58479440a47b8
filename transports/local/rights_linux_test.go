package local_test

import (
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// deprived runs f with the file rights of a stranger, on a thread of its own: the user of file acts is a thread's.
func deprived(t *testing.T) func(f func()) {
	if os.Geteuid() != 0 {
		return nil
	}
	return func(f func()) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			runtime.LockOSThread() // never unlocked: the thread ends with its goroutine
			if err := unix.Setfsgid(65534); err != nil {
				t.Error(err)
			}
			if err := unix.Setfsuid(65534); err != nil {
				t.Error(err)
			}
			f()
		}()
		<-done
	}
}

// mountSmall mounts a file system of 512 KiB, where that is allowed.
func mountSmall(t *testing.T, dir string) bool {
	if err := unix.Mount("navette-test", dir, "tmpfs", 0, "size=512k,mode=0777"); err != nil {
		return false
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return true
}
