package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/navette-connect/navette/connector"
	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/journal/sqlite"
)

// careCommands look after the journal: copies of it, its integrity.
func (a *app) careCommands() []*cobra.Command {
	return []*cobra.Command{a.localise(a.backupCommand()), a.localise(a.restoreCommand()), a.localise(a.verifyCommand()), a.localise(a.personCommand()), a.localise(a.purgeCommand())}
}

func (a *app) backupCommand() *cobra.Command {
	return command("backup FILE", "", a.arguments(1, 1), func(c *cobra.Command, args []string) (err error) {
		j, cfg, err := a.look(c.Context())
		if err != nil {
			return err
		}
		if j == nil {
			return a.fail(exitFailed, "ui.nojournal", "dir", cfg.Process.StateDir)
		}
		defer closing(j, &err)
		before, err := j.Counts(c.Context())
		if err != nil {
			return err
		}
		var seen connector.Inspection
		err = sqlite.Backup(c.Context(), j, args[0], func(copied *journal.Journal) (err error) {
			seen, err = connector.SameJournal(c.Context(), j.ID, before, copied)
			return err
		})
		if errors.Is(err, fs.ErrExist) {
			return a.fail(exitUsage, "ui.backup.exists", "file", clean(args[0]))
		}
		if err != nil {
			return a.fail(exitFailed, "ui.backup.failed", "file", clean(args[0]), "detail", clean(a.cause(err, err.Error())))
		}
		a.printf("%s\n%s\n%s\n", a.say("ui.backup.done", "file", clean(args[0]), "events", strconv.FormatInt(seen.Chain.Events, 10)),
			a.say("ui.backup.spool", "dir", filepath.Join(cfg.Process.StateDir, "spool")), a.say("ui.backup.next", "file", clean(args[0])))
		return nil
	})
}

func (a *app) restoreCommand() *cobra.Command {
	return command("restore FILE", "", a.arguments(1, 1), func(c *cobra.Command, args []string) (err error) {
		cfg, err := a.load(config.SecretsSkipped)
		if err != nil {
			return err
		}
		if cfg.Process.DatabaseURL != "" {
			return journal.ErrEngine
		}
		dir, file := cfg.Process.StateDir, args[0]
		if lockHeld(dir) { // said before a long look at the copy
			return a.fail(exitLocked, "ui.restore.running", "dir", dir)
		}
		copied, err := sqlite.OpenCopy(c.Context(), file)
		switch {
		case errors.Is(err, journal.ErrOlder): // the database's own check alone; the service upgrades it
		case err != nil:
			return a.fail(exitFailed, "ui.restore.unsound", "file", clean(file), "detail", clean(a.cause(err, err.Error())))
		default:
			in, err := connector.Inspect(c.Context(), copied, "")
			if err = errors.Join(err, copied.Close()); err != nil {
				return err
			}
			if len(in.Wrong) > 0 {
				return a.fail(exitFailed, "ui.restore.unsound", "file", clean(file), "detail", clean(in.Wrong[0]))
			}
		}
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		at := info.ModTime().In(cfg.Process.Location).Format("02/01/2006 15:04")
		aside, err := sqlite.PutBack(c.Context(), dir, file, a.say("ui.restore.why", "file", clean(filepath.Base(file)), "at", at), time.Now())
		if errors.Is(err, journal.ErrLocked) {
			return a.fail(exitLocked, "ui.restore.running", "dir", dir)
		}
		if err != nil {
			return err
		}
		a.printf("%s\n", a.say("ui.restore.done", "file", clean(file), "at", at))
		if aside != "" {
			a.printf("%s\n", a.say("ui.restore.aside", "file", aside))
		}
		a.printf("%s\n", a.say("ui.restore.next"))
		return nil
	})
}

// verifyView is `verify --json`; keys are only ever added.
type verifyView struct {
	Sound        bool     `json:"sound"`
	Events       int64    `json:"events"`
	ChainedFrom  int64    `json:"chained_from"` // the first event under the chain; 0: none is
	LastEvent    int64    `json:"last_event"`
	Digest       string   `json:"digest"` // of the chain at its newest event
	SpoolFiles   int64    `json:"spool_files"`
	SpoolErased  int64    `json:"spool_erased"`
	SpoolUnnamed int64    `json:"spool_unnamed"`
	Wrong        []string `json:"wrong"`
}

func (a *app) verifyCommand() *cobra.Command {
	var asJSON bool
	c := command("verify", "", a.arguments(0, 0), func(c *cobra.Command, _ []string) (err error) {
		j, cfg, err := a.look(c.Context())
		if err != nil {
			return err
		}
		if j == nil {
			return a.fail(exitFailed, "ui.nojournal", "dir", cfg.Process.StateDir)
		}
		defer closing(j, &err)
		in, err := connector.Inspect(c.Context(), j, filepath.Join(cfg.Process.StateDir, "spool"))
		if err != nil {
			return err
		}
		v := verifyView{len(in.Wrong) == 0, in.Chain.Events, in.Chain.From, in.Chain.Last, in.Chain.Digest, in.Objects, in.Erased, in.Orphans, append([]string{}, in.Wrong...)}
		if asJSON {
			err = a.encode(v)
		} else {
			a.printVerify(v)
		}
		if err == nil && !v.Sound {
			err = told(exitFailed)
		}
		return err
	})
	c.Flags().BoolVar(&asJSON, "json", false, "")
	return c
}

func (a *app) printVerify(v verifyView) {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	switch {
	case v.Events == 0:
		a.printf("%s\n", a.say("ui.verify.empty"))
	case v.ChainedFrom == 0:
		a.printf("%s\n", a.say("ui.verify.unchained", "events", number(v.Events)))
	default:
		a.printf("%s\n", a.say("ui.verify.chain", "events", number(v.Events), "last", number(v.LastEvent), "digest", v.Digest))
		if v.ChainedFrom > 1 {
			a.printf("%s\n", a.say("ui.verify.before", "first", number(v.ChainedFrom)))
		}
	}
	a.printf("%s\n", a.say("ui.verify.spool", "files", number(v.SpoolFiles), "erased", number(v.SpoolErased)))
	if v.SpoolUnnamed > 0 {
		a.printf("%s\n", a.say("ui.verify.unnamed", "files", number(v.SpoolUnnamed)))
	}
	for _, w := range v.Wrong {
		a.printf("  ! %s\n", clean(w))
	}
	if v.Sound {
		a.printf("%s\n", a.say("ui.verify.sound"))
	} else {
		a.printf("%s\n", a.say("ui.verify.wrong"))
	}
}
