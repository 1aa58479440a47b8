package journal

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// States of a file.
const (
	FileClaiming   = "claiming"   // intent: it is about to be renamed to its claim name
	FileClaimed    = "claimed"    // renamed; its bytes are not kept yet
	FileSpooled    = "spooled"    // bytes kept under their sha256; rows may be staged, invisible
	FileHeld       = "held"       // waits for a person, or for the rest of it
	FileAccepted   = "accepted"   // its rows are on their way
	FileDone       = "done"       // every row answered, every return published
	FileRejected   = "rejected"   // refused whole
	FileDuplicate  = "duplicate"  // its bytes were received before
	FileSuperseded = "superseded" // incomplete; the full file came under its name
	FileGone       = "gone"       // it vanished before it could be claimed
)

// File is one dropped file.
type File struct {
	ID                                               int64
	Flow, Account                                    string
	Name                                             string // bytes as dropped
	Stem                                             string
	Claim, Place                                     string // path of the claim, path now
	Markers                                          string // names of its marker files still to be moved away, JSON
	State, Code, Message                             string
	Size                                             int64 // bytes
	ModTime                                          int64 // nanoseconds since 1970, as the folder says
	SHA256                                           string
	Mapping                                          string // name@hash
	Layout                                           []byte
	ReceivedAt, JudgedAt, Deadline, SendAfter        int64 // microseconds
	Released                                         string
	Judged, ResultFixed                              bool
	DroppedBy                                        string // number of the user who dropped it, "" = not known
	Rows, LeftOut                                    int64  // rows read; rows the mapping leaves out
	Accepted, Held, Rejected, Skipped, DuplicateRows int64
}

const fileColumns = `id, flow, account, name, stem, claim, place, markers, state, code, message, size, mtime, sha256, mapping, layout,
 received_at, judged_at, deadline, send_after, released, judged, result_fixed, n_rows, n_left_out, n_accepted, n_held, n_rejected, n_skipped, n_duplicate, dropped_by`

func (f *File) scan(row Record) error {
	var name, claim, place []byte
	err := row.Scan(&f.ID, &f.Flow, &f.Account, &name, &f.Stem, &claim, &place, &f.Markers, &f.State, &f.Code, &f.Message, &f.Size, &f.ModTime, &f.SHA256, &f.Mapping, &f.Layout,
		&f.ReceivedAt, &f.JudgedAt, &f.Deadline, &f.SendAfter, &f.Released, &f.Judged, &f.ResultFixed, &f.Rows, &f.LeftOut, &f.Accepted, &f.Held, &f.Rejected, &f.Skipped, &f.DuplicateRows, &f.DroppedBy)
	f.Name, f.Claim, f.Place = string(name), string(claim), string(place)
	return err
}

// NewFile journals the intent to claim a file: claim makes the path it will be renamed to from its number.
func (tx *Tx) NewFile(f File, claim func(id int64) string) (File, error) {
	id, err := tx.next("file", 1)
	if err != nil {
		return f, err
	}
	f.ID, f.State, f.Claim, f.ReceivedAt = id, FileClaiming, claim(id), tx.Now
	_, err = tx.exec(`INSERT INTO file (id, flow, account, name, claim, place, markers, state, size, mtime, received_at, dropped_by) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)`,
		f.ID, f.Flow, f.Account, []byte(f.Name), []byte(f.Claim), []byte(f.Place), f.Markers, f.State, f.Size, f.ModTime, f.ReceivedAt, f.DroppedBy)
	return f, err
}

// SetFile changes a file that is in one of the states from; ErrState when it is in none of them. set is a list of
// column, value, column, value.
func (tx *Tx) SetFile(id int64, from []string, set ...any) error {
	var b strings.Builder
	args := make([]any, 0, len(set)/2+len(from)+1)
	b.WriteString("UPDATE file SET ")
	for i := 0; i < len(set); i += 2 {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(set[i].(string) + " = ?")
		args = append(args, set[i+1])
	}
	b.WriteString(" WHERE id = ? AND state IN (" + strings.Repeat("?,", len(from)-1) + "?)")
	args = append(args, id)
	for _, s := range from {
		args = append(args, s)
	}
	n, err := tx.exec(b.String(), args...)
	if err == nil && n == 0 {
		err = fmt.Errorf("%w: file %d is not %s", ErrState, id, strings.Join(from, " or "))
	}
	for i := 0; i < len(set) && err == nil; i += 2 {
		if set[i] == "sha256" { // bytes that come again are no longer erased
			err = tx.kept(set[i+1].(string))
		}
	}
	return err
}

// File reads one file; ErrMissing when there is none.
func (tx *Tx) File(id int64) (f File, err error) {
	err = f.scan(tx.one("SELECT "+fileColumns+" FROM file WHERE id = ?", id))
	return f, err
}

// File reads one file; ErrMissing when there is none.
func (j *Journal) File(ctx context.Context, id int64) (f File, err error) {
	err = f.scan(j.one(ctx, "SELECT "+fileColumns+" FROM file WHERE id = ?", id))
	return f, err
}

// Files lists files by a condition of ours, in the order they came.
func (j *Journal) files(ctx context.Context, where string, args ...any) (list []File, err error) {
	err = j.each(ctx, "SELECT "+fileColumns+" FROM file WHERE "+where, args, func(r Record) error {
		var f File
		err := f.scan(r)
		list = append(list, f)
		return err
	})
	return list, err
}

// LiveFiles lists the files of a flow that still ask for something.
func (j *Journal) LiveFiles(ctx context.Context, flow string) ([]File, error) {
	return j.files(ctx, "state NOT IN ('done', 'rejected', 'duplicate', 'superseded', 'gone') AND flow = ? ORDER BY id", flow)
}

// InPlace lists the files of a flow that were taken and not moved since, oldest first: their claim is where they lie.
func (j *Journal) InPlace(ctx context.Context, flow string) ([]File, error) {
	return j.files(ctx, "flow = ? AND claim = place AND state NOT IN ('gone', 'claiming') ORDER BY id", flow)
}

// RecentFiles lists the newest files first.
func (j *Journal) RecentFiles(ctx context.Context, flow string, limit int) ([]File, error) {
	return j.files(ctx, "(? = '' OR flow = ?) ORDER BY id DESC LIMIT ?", flow, flow, limit)
}

// Received finds an earlier file of the flow and account with the same bytes of which a row was taken (contract §4a).
func (j *Journal) Received(ctx context.Context, f *File) (File, bool, error) {
	list, err := j.files(ctx, `sha256 = ? AND flow = ? AND account = ? AND id <> ? AND judged = 1 AND state <> 'rejected'
 AND n_accepted + n_held > 0 ORDER BY id LIMIT 1`, f.SHA256, f.Flow, f.Account, f.ID)
	if err != nil || len(list) == 0 {
		return File{}, false, err
	}
	return list[0], true, nil
}

// Incomplete lists the held, incomplete files of a flow under a name.
func (j *Journal) Incomplete(ctx context.Context, flow, name string) ([]File, error) {
	return j.files(ctx, "flow = ? AND name = ? AND state = 'held' AND code = 'NV-1005' AND judged = 0 ORDER BY id", flow, []byte(name))
}

// Stem gives a file its stem once: X, then X.2, X.3… for further files of the same name in the flow.
func (tx *Tx) Stem(f *File, base string) error {
	if f.Stem != "" {
		return nil
	}
	var n int64
	if err := tx.one("INSERT INTO stem VALUES (?, ?, 1) ON CONFLICT (flow, stem) DO UPDATE SET used = stem.used + 1 RETURNING used", f.Flow, base).Scan(&n); err != nil {
		return err
	}
	f.Stem = base
	if n > 1 {
		f.Stem = fmt.Sprintf("%s.%d", base, n)
	}
	_, err := tx.exec("UPDATE file SET stem = ? WHERE id = ?", f.Stem, f.ID)
	return err
}

// Flow is what is remembered of a flow.
type Flow struct {
	Name, Paused, Approved          string
	LastFileAt                      int64
	StatusSeq, StatusMark, StatusAt int64
}

const flowColumns = "name, paused, approved, last_file_at, status_seq, status_mark, status_at"

func (f *Flow) scan(row Record) error {
	return row.Scan(&f.Name, &f.Paused, &f.Approved, &f.LastFileAt, &f.StatusSeq, &f.StatusMark, &f.StatusAt)
}

// Flow reads what is remembered of a flow; a flow never seen is remembered from now on.
func (tx *Tx) Flow(name string) (f Flow, err error) {
	err = f.scan(tx.one("SELECT "+flowColumns+" FROM flow WHERE name = ?", name))
	if errors.Is(err, ErrMissing) {
		_, err = tx.exec("INSERT INTO flow (name) VALUES (?)", name)
		return Flow{Name: name}, err
	}
	return f, err
}

// SetFlow changes what is remembered of a flow.
func (tx *Tx) SetFlow(name, column string, value any) error {
	if _, err := tx.Flow(name); err != nil {
		return err
	}
	_, err := tx.exec("UPDATE flow SET "+column+" = ? WHERE name = ?", value, name)
	return err
}

// Flow reads what is remembered of a flow; the zero Flow (with its name) when nothing is.
func (j *Journal) Flow(ctx context.Context, name string) (f Flow, err error) {
	err = f.scan(j.one(ctx, "SELECT "+flowColumns+" FROM flow WHERE name = ?", name))
	if errors.Is(err, ErrMissing) {
		return Flow{Name: name}, nil
	}
	return f, err
}

// Gateway is what is remembered of a gateway's account.
type Gateway struct {
	Account, Stopped, Cursor string
	StoppedAt                int64
}

// Gateway reads what is remembered of an account; the zero value (with its account) when nothing is.
func (j *Journal) Gateway(ctx context.Context, account string) (g Gateway, err error) {
	err = j.one(ctx, "SELECT account, stopped, stopped_at, cursor FROM gateway WHERE account = ?", account).Scan(&g.Account, &g.Stopped, &g.StoppedAt, &g.Cursor)
	if errors.Is(err, ErrMissing) {
		return Gateway{Account: account}, nil
	}
	return g, err
}

// StopGateway notes why nothing is sent to an account; "" lets it go on.
func (tx *Tx) StopGateway(account, why string) error {
	_, err := tx.exec(`INSERT INTO gateway (account, stopped, stopped_at) VALUES (?, ?, ?)
 ON CONFLICT (account) DO UPDATE SET stopped = excluded.stopped, stopped_at = excluded.stopped_at`, account, why, tx.Now)
	return err
}

// SetCursor notes the place reached in an account's feed of events.
func (tx *Tx) SetCursor(account, cursor string) error {
	_, err := tx.exec("INSERT INTO gateway (account, cursor) VALUES (?, ?) ON CONFLICT (account) DO UPDATE SET cursor = excluded.cursor", account, cursor)
	return err
}

// Supersede ends the held, incomplete files that came under a name before the whole file did.
func (tx *Tx) Supersede(f *File) error {
	_, err := tx.exec("UPDATE file SET state = 'superseded' WHERE flow = ? AND name = ? AND id < ? AND state = 'held' AND code = 'NV-1005' AND judged = 0", f.Flow, []byte(f.Name), f.ID)
	return err
}

// LastLayout is the layout of the newest file of a flow whose rows were read; nil when there is none.
func (j *Journal) LastLayout(ctx context.Context, flow string) (layout []byte, err error) {
	err = j.one(ctx, "SELECT layout FROM file WHERE flow = ? AND judged = 1 AND n_rows > 0 AND layout IS NOT NULL ORDER BY id DESC LIMIT 1", flow).Scan(&layout)
	if errors.Is(err, ErrMissing) {
		return nil, nil
	}
	return layout, err
}
