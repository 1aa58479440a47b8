package sftpbox

import "time"

// Forgive lets the next attempt to connect be made at once.
func (b *Box) Forgive() {
	b.keeper.mu.Lock()
	defer b.keeper.mu.Unlock()
	b.keeper.until, b.keeper.fails, b.keeper.refusals = time.Time{}, 0, 0
}
