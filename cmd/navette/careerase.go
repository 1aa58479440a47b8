package main

import (
	"context"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/navette-connect/navette/connector"
	"github.com/navette-connect/navette/connector/journal"
)

// eraseCommand is `person erase`: the rows are found here, and blanked by the service.
func (a *app) eraseCommand() *cobra.Command {
	var reason string
	c := command("erase ID", "", a.arguments(1, 1), func(c *cobra.Command, args []string) (err error) {
		j, cfg, err := a.look(c.Context())
		if err != nil {
			return err
		}
		if j == nil {
			return a.fail(exitFailed, "ui.nojournal", "dir", cfg.Process.StateDir)
		}
		defer closing(j, &err)
		text, err := a.reason(strings.ReplaceAll(reason, strings.TrimSpace(args[0]), "***"), true)
		if err != nil {
			return err
		}
		var rows []string
		var files []int64
		err = j.PersonRows(c.Context(), args[0], func(h journal.Held) error {
			rows = append(rows, strconv.FormatInt(h.RowID, 10))
			if !slices.Contains(files, h.FileID) {
				files = append(files, h.FileID)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if rows == nil {
			return a.fail(exitFailed, "ui.person.unknown")
		}
		// Numbers alone: what the person is called must not stand in the table of commands.
		done, err := a.decided(c.Context(), cfg, j, journal.Command{Verb: "erase", Subject: "r" + rows[0], Argument: strings.Join(rows, ","), Reason: text})
		if err != nil {
			return err
		}
		var given []string
		if done == nil { // applied when nobody is there to read the answer
			given, err = placesOf(c.Context(), j, files)
		} else {
			parts := strings.Split(done.Result, connector.ItemMark)
			a.printf("%s\n", clean(parts[0]))
			given, err = parts[1:], a.tidied(c.Context(), j, "ui.erase.gone", "ui.erase.going")
		}
		if err != nil {
			return err
		}
		a.printPlaces("ui.erase.places", given)
		a.printPlaces("ui.erase.state", besides(cfg.Process.StateDir))
		a.printf("%s\n", a.say("ui.erase.backups"))
		return nil
	})
	c.Flags().StringVar(&reason, "reason", "", "")
	return c
}

// placesOf lists where files and their returns were put.
func placesOf(ctx context.Context, j *journal.Journal, files []int64) (list []string, err error) {
	for _, id := range files {
		f, err := j.File(ctx, id)
		if err != nil {
			return nil, err
		}
		if f.Place != "" {
			list = append(list, f.Place)
		}
		returns, err := j.DeliveriesOf(ctx, id)
		if err != nil {
			return nil, err
		}
		for _, d := range returns {
			list = append(list, path.Join(d.Folder, d.Name))
		}
	}
	return list, nil
}

func (a *app) printPlaces(key string, list []string) {
	if len(list) == 0 {
		return
	}
	a.printf("%s\n", a.say(key))
	for _, place := range list {
		a.printf("  %s\n", clean(place))
	}
}

// besides lists what lies in a state directory and is not the journal's to clean: journals that were put aside, and the
// books of a PSP to rehearse with.
func besides(stateDir string) (list []string) {
	for _, pattern := range []string{"journal.db.before-*", "sandbox*.jsonl"} {
		found, err := filepath.Glob(filepath.Join(stateDir, pattern))
		if err != nil {
			continue // of a bad pattern alone
		}
		list = append(list, slices.DeleteFunc(found, func(name string) bool {
			return strings.HasSuffix(name, "-wal") || strings.HasSuffix(name, "-shm")
		})...)
	}
	return list
}

// tidied waits until what was erased has left the state directory, and says so, or that the service goes on with it.
func (a *app) tidied(ctx context.Context, j *journal.Journal, done, going string) error {
	end := time.Now().Add(tidiedWithin)
	for {
		left, err := j.Unscrubbed(ctx)
		switch {
		case err != nil:
			return err
		case !left:
			a.printf("%s\n", a.say(done))
			return nil
		case time.Now().After(end):
			a.printf("%s\n", a.say(going))
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
