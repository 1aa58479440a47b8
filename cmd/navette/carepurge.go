package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/navette-connect/navette/connector"
	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/connector/journal"
)

// tidiedWithin is how long the command line waits for what a service erases or purges; it goes on without.
const tidiedWithin = 10 * time.Second

// purgeView is `purge --json`; keys are only ever added.
type purgeView struct {
	DryRun   bool          `json:"dry_run"`
	Personal purgePersonal `json:"personal"`
	Files    purgeFiles    `json:"files"`
	Journal  purgeJournal  `json:"journal"`
}

// purgeClass is how long a class of data is kept.
type purgeClass struct {
	Keep   string `json:"keep"`   // duration; "none": for ever
	Before string `json:"before"` // RFC 3339; "" for ever
}

type purgePersonal struct {
	purgeClass
	Rows  int64  `json:"rows"`
	Kept  int64  `json:"kept"`            // documents of old files that stay
	Files *int64 `json:"files,omitempty"` // that the rows stand in; of a dry run
}

type purgeFiles struct {
	purgeClass
	Files int64 `json:"files"`
	Bytes int64 `json:"bytes"`
}

type purgeJournal struct {
	purgeClass
	Events int64 `json:"events"` // older than the class; never removed
}

func (a *app) purgeCommand() *cobra.Command {
	var dry, asJSON bool
	c := command("purge", "", a.arguments(0, 0), func(c *cobra.Command, _ []string) (err error) {
		j, cfg, err := a.look(c.Context())
		if err != nil {
			return err
		}
		if j == nil {
			return a.fail(exitFailed, "ui.nojournal", "dir", cfg.Process.StateDir)
		}
		defer closing(j, &err)
		now := time.Now()
		v := purgeOf(cfg, now)
		v.DryRun = dry
		if dry {
			if err := v.foresee(c.Context(), j, cfg.Retention, now); err != nil {
				return err
			}
		} else if ended, err := a.purged(c.Context(), cfg, j); err != nil || ended == nil {
			return err
		} else {
			v.Personal.Rows, v.Personal.Kept, v.Files.Files, v.Files.Bytes = ended.Rows, ended.Kept, ended.Objects, ended.Bytes
			if err := v.accounts(c.Context(), j, cfg.Retention, now); err != nil {
				return err
			}
		}
		if asJSON {
			return a.encode(v)
		}
		a.printPurge(cfg, &v)
		return nil
	})
	c.Flags().BoolVar(&dry, "dry-run", false, "")
	c.Flags().BoolVar(&asJSON, "json", false, "")
	return c
}

// purgeOf says what each class is.
func purgeOf(cfg *config.Config, now time.Time) (v purgeView) {
	at := clock{cfg.Process.Location}
	personal, files, accounts := connector.Cutoffs(cfg.Retention, now.UnixMicro())
	for _, c := range []struct {
		part   *purgeClass
		keep   time.Duration
		before int64
	}{{&v.Personal.purgeClass, cfg.Retention.Personal, personal}, {&v.Files.purgeClass, cfg.Retention.Files, files}, {&v.Journal.purgeClass, cfg.Retention.Journal, accounts}} {
		c.part.Keep = "none"
		if c.keep > 0 {
			c.part.Keep, c.part.Before = config.ShowDuration(c.keep), at.stamp(c.before)
		}
	}
	return v
}

// foresee counts what a purge would remove, as it would find it.
func (v *purgeView) foresee(ctx context.Context, j *journal.Journal, r config.Retention, now time.Time) error {
	personal, files, _ := connector.Cutoffs(r, now.UnixMicro())
	if personal > 0 {
		s, err := j.OldPersonal(ctx, personal)
		if err != nil {
			return err
		}
		v.Personal.Rows, v.Personal.Kept, v.Personal.Files = s.Rows, s.Kept, &s.Files
	}
	seen := map[string]bool{} // digests: bounded by the files and returns that are old
	for sort := 0; files > 0 && sort < 2; sort++ {
		for after := int64(0); ; {
			last, err := j.OldBytes(ctx, sort, after, files, 1000, func(o journal.Old) error {
				if !seen[o.SHA256] {
					seen[o.SHA256] = true
					v.Files.Files++
					v.Files.Bytes += o.Bytes
				}
				return nil
			})
			if err != nil {
				return err
			}
			if last == 0 {
				break
			}
			after = last
		}
	}
	return v.accounts(ctx, j, r, now)
}

// accounts counts what the journal keeps beyond its class.
func (v *purgeView) accounts(ctx context.Context, j *journal.Journal, r config.Retention, now time.Time) (err error) {
	if _, _, before := connector.Cutoffs(r, now.UnixMicro()); before > 0 {
		v.Journal.Events, err = j.OldEvents(ctx, before)
	}
	return err
}

// purged lets the service purge, and waits for it; nil when it was not done within the time: it goes on by itself.
func (a *app) purged(ctx context.Context, cfg *config.Config, j *journal.Journal) (*connector.Purge, error) {
	done, err := a.decided(ctx, cfg, j, journal.Command{Verb: "purge", Subject: "journal", Reason: "retention"})
	if err != nil || done == nil {
		return nil, err
	}
	end := time.Now().Add(tidiedWithin)
	for {
		running, ended, err := connector.LastPurge(ctx, j)
		switch {
		case err != nil:
			return nil, err
		case running == nil && ended != nil:
			left, err := j.Unscrubbed(ctx)
			if err != nil || !left {
				return ended, err
			}
		}
		if time.Now().After(end) {
			a.printf("%s\n", a.say("ui.purge.going"))
			return nil, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (a *app) printPurge(cfg *config.Config, v *purgeView) {
	at := clock{cfg.Process.Location}
	line := func(class *purgeClass, title string, args ...string) {
		said := a.say("ui.purge.forever")
		if class.Keep != "none" {
			said = a.say(title+".old", append(args, "keep", duration(class.Keep, a.lang()), "before", at.reread(class.Before))...)
		}
		a.printf("%s\n", a.say("ui.purge.line", "title", a.say(title), "said", said))
	}
	line(&v.Personal.purgeClass, "ui.purge.personal", "rows", a.count("ui.purge.rows.", v.Personal.Rows))
	if v.Personal.Kept > 0 {
		a.printf("  %s\n", a.count("ui.purge.kept.", v.Personal.Kept))
	}
	line(&v.Files.purgeClass, "ui.purge.files", "files", a.number(v.Files.Files), "size", size(v.Files.Bytes, a.lang()))
	line(&v.Journal.purgeClass, "ui.purge.journal", "events", a.count("ui.purge.events.", v.Journal.Events))
	a.printf("  %s\n", a.say("ui.purge.chain"))
	switch {
	case v.DryRun:
		a.printf("%s\n", a.say("ui.purge.dry"))
	case v.Personal.Rows == 0 && v.Files.Files == 0:
		a.printf("%s\n", a.say("ui.purge.nothing"))
	default:
		a.printf("%s\n", a.say("ui.purge.done"))
	}
}
