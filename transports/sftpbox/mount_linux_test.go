package sftpbox_test

import (
	"testing"

	"golang.org/x/sys/unix"
)

// mountSmall mounts a file system of 512 KiB, where that is allowed.
func mountSmall(t *testing.T, dir string) bool {
	if err := unix.Mount("navette-test", dir, "tmpfs", 0, "size=512k,mode=0777"); err != nil {
		return false
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return true
}
