//go:build unix

package gateway

import (
	"net"
	"syscall"
)

// quiet tells whether the other end of a kept connection is still there and says nothing: a request written to one that
// has hung up would be in doubt, and an answer nobody asked for belongs to no request.
func quiet(c net.Conn) bool {
	s, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return false
	}
	still := false
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, err := syscall.Read(int(fd), b[:]) // does not wait: the net package's sockets never do
		still = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
		return true
	})
	return err == nil && still
}
