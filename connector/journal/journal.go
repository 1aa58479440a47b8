// Package journal is navette's durable memory: files, rows, instructions, events and returns, in SQLite (one machine)
// and, by the same SQL, PostgreSQL. It is a concrete type; package connector reads and writes it, nothing else does.
//
// One goroutine writes. What is waiting when it becomes free is committed together, so that one fsync serves many.
package journal

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Kinds of errors, for errors.Is.
var (
	ErrLocked = errors.New("another instance holds the state directory")
	ErrFenced = errors.New("another instance has taken over the journal")
	// ErrBroken: the disk failed under a write. What the system holds of the files in memory may not be what the disk has, and a
	// second try could succeed without writing anything, so nothing more is written: the next start reads what is there.
	ErrBroken  = errors.New("the disk failed under the journal: the process must start again")
	ErrNewer   = errors.New("the journal was written by a newer version")
	ErrOlder   = errors.New("the journal awaits its upgrade")
	ErrMissing = errors.New("no such entry")
	ErrState   = errors.New("its state does not allow that")
	ErrClosed  = errors.New("the journal is closed")
	ErrBusy    = errors.New("somebody reads the journal")
)

// Dialect is what a database engine spells in its own way.
type Dialect struct {
	Name    string
	Blob    string // type of byte strings
	ID      string // type of numbers that are a table's own key
	Begin   string // begins a writing transaction
	Spill   string // lets what is sorted go to the disk: an upgrade sorts a million rows; "" = as it is
	Usual   string // undoes Spill
	Bind    func(sql string) string
	Readers Pool
	Writer  Pool             // of one connection; the owner keeps it
	Release func() error     // gives the lock up, after the pools are closed
	Touched func() time.Time // when any process last wrote, as the file system tells; nil or zero: it cannot be told
	Care    *Care            // nil: this engine's own tools do it

	// Broken tells an error of the disk from one of a statement; nil: no error is.
	Broken func(error) bool
}

// Fence is who writes: every write is refused once another owner or a later epoch stands in the journal.
type Fence struct {
	Owner string
	Epoch int64
}

// Journal is the durable memory. Its methods may be called from several goroutines.
type Journal struct {
	d     Dialect
	ID    string // of this journal, for ever
	fence Fence
	now   func() time.Time

	jobs  chan *job
	quit  chan struct{}
	done  chan struct{}
	fault func(op string) error

	version atomic.Int64
	broken  atomic.Bool // see ErrBroken
}

// Options of Open.
type Options struct {
	Now    func() time.Time      // wall clock; time.Now when nil
	Owner  string                // name of this instance; "" makes one
	Fault  func(op string) error // tests: asked before each commit ("commit") and after it ("committed")
	Create bool                  // false: a journal that does not exist is an error
	// Upgrading is told before a journal of an older version is upgraded, which may take a minute with ten million rows; may be nil.
	Upgrading func()
}

// group bounds how many waiting writes one transaction takes.
const group = 512

type job struct {
	run func(*Tx) error
	err chan error
}

// Tx is one write of the journal. It is valid within the function that gets it.
type Tx struct {
	ctx  context.Context
	j    *Journal
	conn Conn
	pads [5][]any
	// Room for texts and for events, as the pads are for arguments.
	room   []byte
	events []Event
	Now    int64 // microseconds since 1970, the same for the whole transaction
}

// Open takes an opened dialect (see packages sqlite and postgres), migrates the schema, raises the epoch and starts the
// writer. The caller ends it with Close.
func Open(ctx context.Context, d Dialect, opt Options) (*Journal, error) {
	j := &Journal{d: d, now: opt.Now, fault: opt.Fault, jobs: make(chan *job, group), quit: make(chan struct{}), done: make(chan struct{})}
	if j.now == nil {
		j.now = time.Now
	}
	if j.fault == nil {
		j.fault = func(string) error { return nil }
	}
	owner := opt.Owner
	if owner == "" {
		owner = randomID()
	}
	conn, err := d.Writer.Take(ctx)
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	tx := &Tx{ctx: context.WithoutCancel(ctx), j: j, conn: conn, Now: micro(j.now())}
	if err := j.migrate(tx, opt.Upgrading); err != nil {
		d.Writer.Put(conn)
		return nil, err
	}
	err = tx.atomic(func() error {
		if err := tx.one("SELECT value FROM meta WHERE name = 'journal'").Scan(&j.ID); err != nil {
			return err
		}
		j.fence.Owner = owner
		if err := tx.one("UPDATE lease SET owner = ?, epoch = epoch + 1 WHERE name = 'writer' RETURNING epoch", owner).Scan(&j.fence.Epoch); err != nil {
			return err
		}
		return nil
	})
	if err != nil {
		d.Writer.Put(conn)
		return nil, fmt.Errorf("take over the journal: %w", err)
	}
	go j.write(tx)
	return j, nil
}

// View opens a journal for reading and for writing commands, beside the daemon that owns it: no lock, no epoch.
func View(ctx context.Context, d Dialect, opt Options) (*Journal, error) {
	j := &Journal{d: d, now: opt.Now}
	if j.now == nil {
		j.now = time.Now
	}
	var version int
	if err := j.one(ctx, "SELECT value FROM meta WHERE name = 'schema'").Scan(&version); err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	if version > len(migrations) {
		return nil, fmt.Errorf("%w (schema %d, this version knows %d)", ErrNewer, version, len(migrations))
	}
	if version < len(migrations) {
		return nil, fmt.Errorf("%w (schema %d of %d): start the service once", ErrOlder, version, len(migrations))
	}
	if err := j.one(ctx, "SELECT value FROM meta WHERE name = 'journal'").Scan(&j.ID); err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	return j, nil
}

// Fence tells who this journal writes as: the sender shows it to nobody but checks it before each send.
func (j *Journal) Fence() Fence { return j.fence }

// Close ends the writer after what is waiting was committed, and closes the database.
func (j *Journal) Close() error {
	if j.quit != nil {
		select {
		case <-j.quit:
		default:
			close(j.quit)
		}
		<-j.done
	}
	err := errors.Join(j.d.Readers.Close(), j.d.Writer.Close())
	if j.d.Release != nil {
		err = errors.Join(err, j.d.Release())
	}
	return err
}

// Do runs a write and returns once it is durable. fn may run twice (when its neighbours in a group fail), so it sets
// what it returns anew each time; it must not block. An error of fn undoes it alone.
func (j *Journal) Do(ctx context.Context, fn func(*Tx) error) error {
	b := &job{run: fn, err: make(chan error, 1)}
	select {
	case j.jobs <- b:
	case <-j.done:
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select { // a write that was taken is waited for: its effect must be known
	case err := <-b.err:
		return err
	case <-j.done:
		select {
		case err := <-b.err:
			return err
		default:
			return ErrClosed
		}
	}
}

// Version grows with each write of this process, which is the only one that writes anything but commands: what was read
// is as it was while the version is.
func (j *Journal) Version() int64 { return 1 + j.version.Load() }

// Touched is when any process last wrote to the journal, as exact as its file system; zero when it cannot be told.
func (j *Journal) Touched() time.Time {
	if j.d.Touched == nil {
		return time.Time{}
	}
	return j.d.Touched()
}

// write is the one goroutine that writes. It owns tx and its connection.
func (j *Journal) write(tx *Tx) {
	defer close(j.done)
	defer j.d.Writer.Put(tx.conn)
	for {
		var first *job
		select {
		case first = <-j.jobs:
		case <-j.quit:
			select {
			case first = <-j.jobs: // drain
			default:
				return
			}
		}
		batch := []*job{first}
	gather:
		for len(batch) < group {
			select {
			case b := <-j.jobs:
				batch = append(batch, b)
			default:
				break gather
			}
		}
		j.commit(tx, batch)
	}
}

// commit runs a batch in one transaction; if any of it fails, each alone, so that one error spoils nothing else.
func (j *Journal) commit(tx *Tx, batch []*job) {
	run := func(jobs []*job) error {
		if j.broken.Load() {
			return ErrBroken
		}
		tx.Now = micro(j.now())
		return tx.atomic(func() error {
			var owner string
			var epoch int64
			if err := tx.one("SELECT owner, epoch FROM lease WHERE name = 'writer'").Scan(&owner, &epoch); err != nil {
				return err
			}
			if owner != j.fence.Owner || epoch != j.fence.Epoch {
				return fmt.Errorf("%w (%s, epoch %d)", ErrFenced, owner, epoch)
			}
			for _, b := range jobs {
				if err := b.run(tx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	defer tx.wipe()
	err := run(batch)
	if err == nil || len(batch) == 1 {
		for _, b := range batch {
			b.err <- err
		}
		return
	}
	for i := range batch {
		batch[i].err <- run(batch[i : i+1])
	}
}

// atomic runs fn in one transaction of the writer's connection.
func (tx *Tx) atomic(fn func() error) error {
	if _, err := tx.conn.Exec(tx.ctx, tx.j.d.Begin); err != nil {
		return fmt.Errorf("journal: begin: %w", err)
	}
	err := fn()
	if err == nil {
		err = tx.j.fault("commit")
	}
	if err == nil {
		if _, err = tx.conn.Exec(tx.ctx, "COMMIT"); err == nil {
			tx.j.version.Add(1)
			return tx.j.fault("committed")
		}
		err = fmt.Errorf("journal: commit: %w", err)
	}
	if broken := tx.j.d.Broken; broken != nil && broken(err) {
		tx.j.broken.Store(true)
		err = fmt.Errorf("%w: %w", ErrBroken, err)
	}
	if _, back := tx.conn.Exec(tx.ctx, "ROLLBACK"); back != nil && !strings.Contains(back.Error(), "no transaction") {
		err = errors.Join(err, fmt.Errorf("journal: rollback: %w", back))
	}
	return err
}

// in tells with which statement something went wrong.
func in(query string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("journal: %w in %.80s", err, query)
}

// exec runs a statement that is kept prepared and returns how many rows it changed.
func (tx *Tx) exec(query string, args ...any) (int64, error) {
	n, err := tx.conn.Exec(tx.ctx, tx.j.d.Bind(query), args...)
	return n, in(query, err)
}

func (tx *Tx) one(query string, args ...any) scanner {
	return func(to func(Record) error) error { return tx.each(query, args, to) }
}

func (tx *Tx) each(query string, args []any, to func(Record) error) error {
	return each(tx.ctx, tx.j.d.Bind(query), tx.conn, args, to)
}

// direct runs a statement that is written for this once (numbers of ours in it) and not kept prepared. to may be nil where
// it returns no rows; it tells how many it changed.
func (tx *Tx) direct(query string, args []any, to func(Record) error) (int64, error) {
	n, err := tx.conn.Direct(tx.ctx, tx.j.d.Bind(query), args, to)
	return n, in(query, err)
}

// each reads outside the writer, from the last commit.
func (j *Journal) each(ctx context.Context, query string, args []any, to func(Record) error) error {
	conn, err := j.d.Readers.Take(ctx)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	defer j.d.Readers.Put(conn)
	return each(ctx, j.d.Bind(query), conn, args, to)
}

func (j *Journal) one(ctx context.Context, query string, args ...any) scanner {
	return func(to func(Record) error) error { return j.each(ctx, query, args, to) }
}

// each leaves the errors of to as they are, and tells of others with which statement they came.
func each(ctx context.Context, query string, conn Conn, args []any, to func(Record) error) error {
	var own error
	err := conn.Each(ctx, query, args, func(r Record) error {
		own = to(r)
		return own
	})
	if own == nil {
		err = in(query, err)
	}
	return err
}

// next reserves n numbers of a sequence and returns the first.
func (tx *Tx) next(name string, n int) (int64, error) {
	var last int64
	if err := tx.one("UPDATE counter SET value = value + ? WHERE name = ? RETURNING value", n, name).Scan(&last); err != nil {
		return 0, fmt.Errorf("journal: number of %s: %w", name, err)
	}
	return last - int64(n) + 1, nil
}

func randomID() string {
	var b [8]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

func micro(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Time turns the journal's microseconds into a time; 0 is the zero time.
func Time(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us)
}

// ids writes numbers for an IN (…): they are ours and integers, so nothing needs quoting.
func ids(list []int64) string {
	b := make([]byte, 0, len(list)*8)
	for i, id := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, id, 10)
	}
	return string(b)
}

// TakeOver makes another owner the writer, under the next epoch; the one before is refused from then on.
func (j *Journal) TakeOver(ctx context.Context, owner string) error {
	conn, err := j.d.Writer.Take(ctx)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	defer j.d.Writer.Put(conn)
	_, err = conn.Exec(ctx, j.d.Bind("UPDATE lease SET owner = ?, epoch = epoch + 1 WHERE name = 'writer'"), owner)
	return err
}

// Exec runs one statement of ours that returns no rows: for the care of the journal and for tests.
func (tx *Tx) Exec(query string, args ...any) error {
	_, err := tx.exec(query, args...)
	return err
}
