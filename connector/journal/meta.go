package journal

import (
	"context"
	"errors"
)

// Meta reads a named value of the journal; "" when it has none.
func (j *Journal) Meta(ctx context.Context, name string) (value string, err error) {
	err = j.one(ctx, "SELECT value FROM meta WHERE name = ?", name).Scan(&value)
	if errors.Is(err, ErrMissing) {
		return "", nil
	}
	return value, err
}

// Meta reads a named value of the journal within a write; "" when it has none.
func (tx *Tx) Meta(name string) (value string, err error) {
	err = tx.one("SELECT value FROM meta WHERE name = ?", name).Scan(&value)
	if errors.Is(err, ErrMissing) {
		return "", nil
	}
	return value, err
}

// DropMeta forgets the named values that begin with prefix.
func (tx *Tx) DropMeta(prefix string) error {
	_, err := tx.exec("DELETE FROM meta WHERE substr(name, 1, ?) = ?", len([]rune(prefix)), prefix)
	return err
}

// SetMeta sets a named value of the journal.
func (tx *Tx) SetMeta(name, value string) error {
	_, err := tx.exec("INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value)
	return err
}
