//go:build unix

package gateway

import "syscall"

// quiet tells whether a socket is open and has nothing to read. It does not wait: the net package's sockets never do.
func quiet(fd uintptr) bool {
	var b [1]byte
	_, err := syscall.Read(int(fd), b[:])
	return err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
}
