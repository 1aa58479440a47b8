package sftpbox

import (
	"context"
	"io"
	"time"

	"github.com/pkg/sftp"
)

// Forgive lets the next attempt to connect be made at once.
func (b *Box) Forgive() {
	b.keeper.mu.Lock()
	defer b.keeper.mu.Unlock()
	b.keeper.until, b.keeper.fails, b.keeper.refusals = time.Time{}, 0, 0
}

// Limit is what one answer to limits@openssh.com allows.
func Limit(answer []byte) int { return limit(answer) }

// Packet is how many bytes the server of the connection is asked for at once.
func (b *Box) Packet(ctx context.Context) (int, error) {
	l, err := b.keeper.get(ctx)
	if err != nil {
		return 0, err
	}
	return l.packet, nil
}

// Greet makes a client of what a server sends, and gives what may be asked of it at once.
func Greet(s io.ReadWriteCloser) (*sftp.Client, int, error) { return greet(s) }

// Divisor is the step that two differences of times have in common.
func Divisor(a, b int) int { return divisor(a, b) }
