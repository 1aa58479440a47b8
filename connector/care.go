package connector

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/navette-connect/navette/connector/journal"
)

// Inspection is what a look at the whole journal and the kept bytes has found. What is wrong is told in English, as
// damage is: it names tables, numbers and files.
type Inspection struct {
	Chain   journal.Chain
	Objects int64    // files of the spool, read whole
	Erased  int64    // digests whose bytes were erased on purpose
	Orphans int64    // sound files of the spool that the journal does not name: cut-off writes, an older journal put back
	Wrong   []string // what does not hold; nil when all is well
}

// objectName is the name of a file of the spool that holds bytes for good.
func objectName(name string) bool {
	return len(name) == 64 && strings.Trim(name, "0123456789abcdef") == ""
}

// Inspect reads the whole journal and every file of the spool, beside the service: the database's own check, the chain of
// events, the counts, kept bytes against their names, and each digest of the journal against the spool. spool "" leaves the
// spool out, and the counts: it is how a copy is looked at, and a wrong count must not stand between a person and that.
func Inspect(ctx context.Context, j *journal.Journal, spool string) (in Inspection, err error) {
	wrong, err := j.Check(ctx)
	if err != nil {
		return in, err
	}
	for _, w := range wrong {
		in.Wrong = append(in.Wrong, "database: "+w)
	}
	if in.Chain, err = j.CheckChain(ctx); err != nil {
		if len(wrong) > 0 { // it cannot be read because it is damaged: that is the finding
			in.Wrong = append(in.Wrong, err.Error())
			return in, nil
		}
		return in, err
	}
	in.Wrong = append(in.Wrong, in.Chain.Wrong...)
	if spool == "" {
		return in, nil
	}
	differs, err := j.CheckTally(ctx)
	if err != nil {
		return in, err
	}
	if differs != "" {
		in.Wrong = append(in.Wrong, "counts: "+strings.TrimSpace(differs))
	}
	return in, in.inspectSpool(ctx, j, spool)
}

func (in *Inspection) inspectSpool(ctx context.Context, j *journal.Journal, dir string) error {
	named := map[string]bool{} // bounded by the number of files, not of rows
	err := j.Sums(ctx, func(digest, owner string) error {
		named[digest] = true
		_, err := os.Stat(filepath.Join(dir, digest))
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		erased, err := j.Erased(ctx, digest)
		if erased {
			in.Erased++
		} else if err == nil {
			in.Wrong = append(in.Wrong, fmt.Sprintf("spool: the bytes of %s are missing (%s)", owner, digest))
		}
		return err
	})
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) && len(named) == 0 {
			return nil // nothing was ever kept
		}
		return fmt.Errorf("spool: %w", err)
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !objectName(e.Name()) {
			continue // being written
		}
		digest, err := digestOfFile(filepath.Join(dir, e.Name()))
		switch {
		case errors.Is(err, fs.ErrNotExist): // erased meanwhile
			continue
		case err != nil:
			in.Wrong = append(in.Wrong, "spool: "+err.Error())
		case digest != e.Name():
			in.Wrong = append(in.Wrong, fmt.Sprintf("spool: %s holds other bytes than its name says (sha256 %s)", e.Name(), digest))
		case !named[e.Name()]:
			in.Orphans++
		}
		in.Objects++
	}
	return nil
}

func digestOfFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// SameJournal checks a copy made of a journal that had the counts before: sound, chained, nothing missing.
func SameJournal(ctx context.Context, id string, before map[string]int64, copied *journal.Journal) (Inspection, error) {
	in, err := Inspect(ctx, copied, "")
	if err != nil {
		return in, err
	}
	if copied.ID != id {
		in.Wrong = append(in.Wrong, fmt.Sprintf("the copy is of journal %s, not of %s", copied.ID, id))
	}
	after, err := copied.Counts(ctx)
	if err != nil {
		return in, err
	}
	for table, n := range before {
		if after[table] < n {
			in.Wrong = append(in.Wrong, fmt.Sprintf("table %s: %d of %d entries are in the copy", table, after[table], n))
		}
	}
	if len(in.Wrong) > 0 {
		err = errors.New(strings.Join(in.Wrong, "; "))
	}
	return in, err
}
