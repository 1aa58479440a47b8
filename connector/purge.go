package connector

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/connector/journal"
)

// A purge stands in the journal while it runs (metaPurge) and goes on after a crash where it was: each step is one short
// write that takes its cursor along. What was gone through whole is marked, so that the next purge begins behind it.

// Entries of the journal's meta.
const (
	metaPurge    = "purge"          // the purge that runs, JSON; "" = none
	metaPurged   = "purged"         // the last one that ended, JSON
	metaOldFiles = "purge.personal" // files up to this number are blank as a whole
)

// Purge is one run of `navette purge`.
type Purge struct {
	Begun    int64 `json:"begun"`    // microseconds
	Personal int64 `json:"personal"` // personal data of files received before is removed, 0 = none is
	Files    int64 `json:"files"`    // kept bytes older are removed, 0 = none are

	Step  int   `json:"step"`  // 0 personal data, 1 sources, 2 returns
	After int64 `json:"after"` // the file or return that was looked at last
	File  int64 `json:"file"`  // of step 0: the file being gone through, 0 = none
	Row   int64 `json:"row"`   // its document that was looked at last
	Left  int64 `json:"left"`  // its documents that stay
	Whole bool  `json:"whole"` // every file so far is blank as a whole

	Rows    int64 `json:"rows"`    // blanked
	Kept    int64 `json:"kept"`    // documents of old files that stay
	Objects int64 `json:"objects"` // noted to leave the spool
	Bytes   int64 `json:"bytes"`
}

// Cutoffs are the times before which each class is over, microseconds since 1970; 0: never.
func Cutoffs(r config.Retention, now int64) (personal, files, accounts int64) {
	before := func(us int64) int64 {
		if us == 0 {
			return 0
		}
		return max(now-us, 1)
	}
	return before(r.Personal.Microseconds()), before(r.Files.Microseconds()), before(r.Journal.Microseconds())
}

// LastPurge reads the purge that runs, and the last one that ended; nil where there is none.
func LastPurge(ctx context.Context, j *journal.Journal) (running, ended *Purge, err error) {
	read := func(name string) (*Purge, error) {
		text, err := j.Meta(ctx, name)
		if err != nil || text == "" {
			return nil, err
		}
		p := &Purge{}
		return p, json.Unmarshal([]byte(text), p)
	}
	if running, err = read(metaPurge); err != nil {
		return nil, nil, err
	}
	ended, err = read(metaPurged)
	return running, ended, err
}

// purge begins one.
func (e *engine) purge(tx *journal.Tx) (string, error) {
	if text, err := tx.Meta(metaPurge); err != nil || text != "" {
		if err != nil {
			return "", err
		}
		return e.told("ui.purge.running"), nil
	}
	p := Purge{Begun: tx.Now, Whole: true}
	p.Personal, p.Files, _ = Cutoffs(e.Retention, tx.Now)
	mark, err := tx.Meta(metaOldFiles)
	if err != nil {
		return "", err
	}
	p.After, _ = strconv.ParseInt(mark, 10, 64) // "" is 0
	return e.told("ui.purge.begun"), save(tx, metaPurge, &p)
}

func save(tx *journal.Tx, name string, p *Purge) error {
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return tx.SetMeta(name, string(b))
}

// purgeOn takes the purge that runs one step on; more tells that there is another step.
func (e *engine) purgeOn(ctx context.Context) (more bool, err error) {
	p, _, err := LastPurge(ctx, e.j)
	if err != nil || p == nil {
		return false, err
	}
	if err := e.fault("purge"); err != nil {
		return true, err
	}
	if p.Step == 0 && p.Personal == 0 {
		p.Step, p.After = 1, 0
	}
	switch {
	case p.Step == 0:
		return true, e.purgePersonal(ctx, *p)
	case p.Step < 3 && p.Files > 0:
		return true, e.purgeBytes(ctx, *p)
	}
	e.log.Info().Str("event", "purged").Int64("rows", p.Rows).Int64("kept", p.Kept).Int64("objects", p.Objects).Int64("bytes", p.Bytes).Msg("what was older than its retention is removed")
	return false, e.j.Do(ctx, func(tx *journal.Tx) error {
		if err := save(tx, metaPurged, p); err != nil {
			return err
		}
		return tx.SetMeta(metaPurge, "")
	})
}

// purgeAtOnce is how many documents one write blanks: others who write wait for it.
const purgeAtOnce = 200

// purgePersonal goes on through the rows of old files.
func (e *engine) purgePersonal(ctx context.Context, p Purge) error {
	if p.File == 0 {
		id, done, err := e.j.OldFile(ctx, p.After, p.Personal)
		if err != nil {
			return err
		}
		switch {
		case id == 0:
			p.Step, p.After = 1, 0
		case done: // by an earlier purge
			p.After = id
		default:
			p.File, p.Row, p.Left = id, 0, 0
		}
		return e.j.Do(ctx, func(tx *journal.Tx) error { return save(tx, metaPurge, &p) })
	}
	return e.j.Do(ctx, func(tx *journal.Tx) error { // may run twice: p is changed in a copy
		p := p
		rows, left, last, err := tx.PurgeRows(p.File, p.Row, p.Personal, purgeAtOnce, strip())
		if err != nil {
			return err
		}
		p.Rows, p.Left, p.Kept, p.Row = p.Rows+rows, p.Left+left, p.Kept+left, last
		if last == 0 { // the file was gone through
			if p.Left == 0 {
				if err := tx.Purged(p.File, strip()); err != nil {
					return err
				}
			}
			p.Whole = p.Whole && p.Left == 0
			if p.Whole {
				if err := tx.PurgedUpTo(metaOldFiles, p.File); err != nil {
					return err
				}
			}
			p.After, p.File = p.File, 0
		}
		return save(tx, metaPurge, &p)
	})
}

// purgeBytes goes on through old sources, then old returns.
func (e *engine) purgeBytes(ctx context.Context, p Purge) error {
	var old []journal.Old
	last, err := e.j.OldBytes(ctx, p.Step-1, p.After, p.Files, purgeAtOnce, func(o journal.Old) error {
		old = append(old, o)
		return nil
	})
	if err != nil {
		return err
	}
	return e.j.Do(ctx, func(tx *journal.Tx) error {
		p := p
		n, bytes, err := tx.PurgeBytes(old, p.Files)
		if err != nil {
			return err
		}
		p.Objects, p.Bytes, p.After = p.Objects+n, p.Bytes+bytes, last
		if last == 0 {
			p.Step++
		}
		return save(tx, metaPurge, &p)
	})
}
