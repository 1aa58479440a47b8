package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/navette-connect/navette/connector/journal"
)

func open(t *testing.T) *conn {
	t.Helper()
	c, err := dial(t.Context(), uri(filepath.Join(t.TempDir(), "a b?.db")), "journal_mode(WAL)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

type word string

// TestScan: every kind of value goes in and comes out as it was, and what does not fit is an error, never a zero.
func TestScan(t *testing.T) {
	c := open(t)
	one := func(query string, args []any, to ...any) error {
		return c.Each(t.Context(), query, args, func(r journal.Record) error { return r.Scan(to...) })
	}
	var (
		text   string
		named  word
		n      int64
		small  int
		yes    bool
		bytes  []byte
		empty  []byte
		raw    sql.RawBytes
		shown  string
		none   sql.NullInt64
		some   sql.NullInt64
		absent = []byte("x")
	)
	err := c.Each(t.Context(), "SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?", []any{"é\x00z", word("open"), int64(-1 << 62), 7, true, []byte{0, 255}, []byte{}, []byte("kept"), nil, int64(0), []byte(nil)}, func(r journal.Record) error {
		err := r.Scan(&text, &named, &n, &small, &yes, &bytes, &empty, &raw, &none, &some, &absent)
		shown = string(raw)
		return err
	})
	if err != nil || text != "é\x00z" || named != "open" || n != -1<<62 || small != 7 || !yes || string(bytes) != "\x00\xff" || empty == nil || len(empty) != 0 || shown != "kept" || none.Valid || !some.Valid || some.Int64 != 0 || absent != nil {
		t.Errorf("%v: %q %q %d %d %v %v %v %q %v %v %v", err, text, named, n, small, yes, bytes, empty, shown, none, some, absent)
	}
	if err := one("SELECT '12', 12", nil, &n, &text); err != nil || n != 12 || text != "12" {
		t.Errorf("a number kept as text: %v, %d, %q", err, n, text)
	}
	for name, err := range map[string]error{
		"NULL in a text":    one("SELECT NULL", nil, &text),
		"NULL in a number":  one("SELECT NULL", nil, &n),
		"text in a number":  one("SELECT 'twelve'", nil, &n),
		"text in a flag":    one("SELECT 'yes'", nil, &yes),
		"fraction":          one("SELECT 1.5", nil, &n),
		"too few targets":   one("SELECT 1, 2", nil, &n),
		"too few arguments": one("SELECT ?, ?", []any{1}, &n, &small),
		"unknown target":    one("SELECT 1", nil, &struct{}{}),
		"unknown argument":  one("SELECT ?", []any{struct{}{}}, &n),
		"two statements":    func() error { _, err := c.Direct(t.Context(), "SELECT 1; SELECT 2", nil, nil); return err }(),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestRawBytes: what is shown of one row does not change while the row is there, however large.
func TestRawBytes(t *testing.T) {
	c := open(t)
	for _, size := range []int{1, 1000, 100_000} {
		a, b := strings.Repeat("a", size), strings.Repeat("b", 2*size)
		err := c.Each(t.Context(), "SELECT ?, ? UNION ALL SELECT ?, ?", []any{[]byte(a), []byte(b), []byte(b), []byte(a)}, func(r journal.Record) error {
			var x, y sql.RawBytes
			if err := r.Scan(&x, &y); err != nil {
				return err
			}
			if s := string(x) + string(y); s != a+b && s != b+a {
				t.Errorf("%d bytes: the row is not what was put in", size)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// TestNested: a function that gets rows may ask for rows, by the same query too; and a query that its function ends, or a
// context, begins anew the next time.
func TestNested(t *testing.T) {
	c := open(t)
	const query = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n"
	sum := 0
	add := func(r journal.Record) error {
		var i int
		err := r.Scan(&i)
		sum += i
		return err
	}
	if err := c.Each(t.Context(), query, nil, func(journal.Record) error { return c.Each(t.Context(), query, nil, add) }); err != nil || sum != 18 {
		t.Errorf("%v, sum %d, want 18", err, sum)
	}
	enough := errors.New("enough")
	if err := c.Each(t.Context(), query, nil, func(journal.Record) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("the function's error: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := c.Each(ctx, query, nil, func(journal.Record) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context: %v", err)
	}
	sum = 0
	if err := c.Each(t.Context(), query, nil, add); err != nil || sum != 6 {
		t.Errorf("begun anew: %v, sum %d, want 6", err, sum)
	}
	if _, err := c.Direct(ctx, query, nil, nil); err == nil {
		t.Error("a cancelled context did not stop what is asked once")
	}
	if _, err := c.Direct(t.Context(), query, nil, nil); err != nil {
		t.Errorf("after an interrupt: %v", err)
	}
}

// TestExec tells how many rows were changed, and a failing statement can be run again.
func TestExec(t *testing.T) {
	c := open(t)
	for _, q := range []string{"CREATE TABLE a (x BIGINT PRIMARY KEY)", "INSERT INTO a VALUES (1), (2), (3)"} {
		if _, err := c.Direct(t.Context(), q, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := c.Exec(t.Context(), "UPDATE a SET x = x + 10 WHERE x > ?", 1); err != nil || n != 2 {
		t.Errorf("%d, %v: want 2 rows changed", n, err)
	}
	for range 2 {
		if _, err := c.Exec(t.Context(), "INSERT INTO a VALUES (?)", 1); err == nil {
			t.Error("a key twice: no error")
		}
	}
	if n, err := c.Exec(t.Context(), "INSERT INTO a VALUES (?)", 2); err != nil || n != 1 {
		t.Errorf("%d, %v: want 1", n, err)
	}
}

// TestPool: no more connections than it may have, waiting ends with the context, and nothing is handed out once closed.
func TestPool(t *testing.T) {
	opened := 0
	path := uri(filepath.Join(t.TempDir(), "p.db"))
	p := newPool(2, 1, func(ctx context.Context) (*conn, error) { opened++; return dial(ctx, path) })
	take := func(ctx context.Context) journal.Conn {
		t.Helper()
		c, err := p.Take(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	a, b := take(t.Context()), take(t.Context())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Take(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a third one: %v", err)
	}
	p.Put(a)
	p.Put(b) // the idle one before it is closed
	if got := take(t.Context()); got != b || opened != 2 {
		t.Errorf("the one used last is not handed out first, or one was opened for nothing (%d)", opened)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if _, err := p.Take(t.Context()); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	p.Put(b)
	if _, err := b.Exec(t.Context(), "SELECT 1"); !errors.Is(err, journal.ErrClosed) {
		t.Error("a connection put back after Close is still open")
	}
}

// TestWriter: the writing connection commits to the disk, beside readers, and overwrites what it deletes.
func TestWriter(t *testing.T) {
	d := dialect(uri(filepath.Join(t.TempDir(), "w.db")))
	c, err := d.Writer.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal", "secure_delete": "1"} { // https://sqlite.org/pragma.html
		var got string
		if err := c.Each(t.Context(), "PRAGMA "+pragma, nil, func(r journal.Record) error { return r.Scan(&got) }); err != nil || got != want {
			t.Errorf("%s is %q, %v; want %q", pragma, got, err, want)
		}
	}
	d.Writer.Put(c)
	if c, err = d.Readers.Take(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Exec(t.Context(), "CREATE TABLE a (x BIGINT)"); err == nil {
		t.Error("a reader can write")
	}
	d.Readers.Put(c)
	if err := errors.Join(d.Readers.Close(), d.Writer.Close()); err != nil {
		t.Error(err)
	}
}
