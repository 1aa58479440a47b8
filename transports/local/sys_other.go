//go:build unix && !linux

package local

import "golang.org/x/sys/unix"

// renameNoReplace is not to be had here: link and unlink do it.
func renameNoReplace(int, string, int, string) error { return unix.ENOSYS }

// tryLease is not to be had here.
func tryLease(int) error { return unix.EINVAL }

// shared is not known here.
func shared(string) (string, error) { return "", nil }
