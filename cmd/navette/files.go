package main

import (
	"context"
	"math"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/connector/journal"
)

// fileView is one element of `files --json` (contract §2).
type fileView struct {
	ID         string       `json:"id"` // "f3"
	Flow       string       `json:"flow"`
	Name       string       `json:"name"`
	SHA256     string       `json:"sha256"`
	State      string       `json:"state"`
	Code       string       `json:"code"`
	Message    string       `json:"message"`
	Size       int64        `json:"size"` // bytes
	ReceivedAt string       `json:"received_at"`
	Rows       fileRows     `json:"rows"`
	Returns    []returnView `json:"returns"`
}

// fileRows counts a file's rows by what the intake made of them.
type fileRows struct {
	Read      int64 `json:"read"`
	LeftOut   int64 `json:"left_out"`
	Accepted  int64 `json:"accepted"`
	Held      int64 `json:"held"`
	Rejected  int64 `json:"rejected"`
	Skipped   int64 `json:"skipped"`
	Duplicate int64 `json:"duplicate"`
}

// returnView is a file written back.
type returnView struct {
	ID    string `json:"id"` // "d5"
	Kind  string `json:"kind"`
	Name  string `json:"name"`
	State string `json:"state"` // fixed: to be published; published
	At    string `json:"published_at"`
}

func (a *app) filesCommand() *cobra.Command {
	var asJSON bool
	var flow string
	var limit int
	c := command("files", "", a.arguments(0, 0), func(c *cobra.Command, _ []string) (err error) {
		j, cfg, err := a.look(c.Context())
		if err != nil {
			return err
		}
		defer closing(j, &err)
		if err := a.knownFlow(c.Context(), cfg, j, flow); err != nil {
			return err
		}
		list, more, err := filesOf(c.Context(), cfg, j, flow, limit)
		if err != nil {
			return err
		}
		if asJSON {
			return a.encode(list)
		}
		return a.printFiles(cfg, j, list, more)
	})
	c.Flags().BoolVar(&asJSON, "json", false, "")
	c.Flags().StringVar(&flow, "flow", "", "")
	c.Flags().IntVar(&limit, "limit", 50, "")
	return a.localise(c)
}

// filesOf lists the newest files first, at most limit (0: all); more tells that there are others. j may be nil.
func filesOf(ctx context.Context, cfg *config.Config, j *journal.Journal, flow string, limit int) (list []fileView, more bool, err error) {
	list = []fileView{}
	if j == nil {
		return list, false, nil
	}
	at := clock{cfg.Process.Location}
	files, err := j.RecentFiles(ctx, flow, oneMore(limit))
	if err != nil {
		return nil, false, err
	}
	if limit > 0 && len(files) > limit {
		files, more = files[:limit], true
	}
	for _, f := range files {
		returns, err := returnsOf(ctx, j, at, f.ID)
		if err != nil {
			return nil, false, err
		}
		list = append(list, fileView{ID: "f" + strconv.FormatInt(f.ID, 10), Flow: f.Flow, Name: f.Name, SHA256: f.SHA256, State: f.State, Code: f.Code, Message: f.Message,
			Size: f.Size, ReceivedAt: at.stamp(f.ReceivedAt), Returns: returns,
			Rows: fileRows{f.Rows, f.LeftOut, f.Accepted, f.Held, f.Rejected, f.Skipped, f.DuplicateRows}})
	}
	return list, more, nil
}

// returnsOf lists what was written back for a file.
func returnsOf(ctx context.Context, j *journal.Journal, at clock, file int64) ([]returnView, error) {
	deliveries, err := j.DeliveriesOf(ctx, file)
	list := []returnView{}
	for _, d := range deliveries {
		list = append(list, viewReturn(d, at))
	}
	return list, err
}

func viewReturn(d journal.Delivery, at clock) returnView {
	return returnView{"d" + strconv.FormatInt(d.ID, 10), d.Kind, d.Name, d.State, at.stamp(d.PubAt)}
}

// oneMore is what to ask for, so that "there are more" can be told; 0 asks for all.
func oneMore(limit int) int {
	if limit <= 0 {
		return math.MaxInt32
	}
	return limit + 1
}

func (a *app) printFiles(cfg *config.Config, j *journal.Journal, list []fileView, more bool) error {
	if len(list) == 0 {
		a.nothing(cfg, j, "ui.files.none")
		return nil
	}
	at := clock{cfg.Process.Location}
	rows := [][]string{{"ID", a.say("ui.title.received"), a.say("ui.title.flow"), a.say("ui.title.state"), a.say("ui.title.code"), a.say("ui.title.rows"), a.say("ui.title.accepted"),
		a.say("ui.title.held"), a.say("ui.title.rejected"), a.say("ui.title.rest"), a.say("ui.title.name")}}
	n := func(v int64) string { return strconv.FormatInt(v, 10) }
	for _, f := range list {
		r := f.Rows
		rows = append(rows, []string{f.ID, at.reread(f.ReceivedAt), f.Flow, f.State, dash(f.Code), n(r.Read), n(r.Accepted), n(r.Held), n(r.Rejected), n(r.Skipped + r.Duplicate), f.Name})
	}
	if err := a.table(rows); err != nil {
		return err
	}
	if more {
		a.printf("%s\n", a.say("ui.more", "limit", strconv.Itoa(len(list))))
	}
	for _, f := range list {
		if f.State != journal.FileHeld {
			continue
		}
		a.printf("\n%s\n  %s\n", a.say("ui.files.held", "id", f.ID, "name", clean(f.Name), "code", f.Code, "message", clean(f.Message)), a.nextOfFile(f.ID, f.Code))
	}
	return nil
}

// nextOfFile is the command that decides about a held file.
func (a *app) nextOfFile(id, code string) string {
	if code == "NV-1005" {
		return a.say("ui.files.incomplete", "id", id)
	}
	return a.say("ui.next.held", "id", id)
}

// nothing says kindly why a list is empty.
func (a *app) nothing(cfg *config.Config, j *journal.Journal, otherwise string) {
	switch {
	case len(cfg.Flows) == 0:
		a.printf("%s\n", a.say("ui.noflow", "dir", cfg.Process.ConfigDir))
	case j == nil:
		a.printf("%s\n", a.say("ui.nojournal", "dir", cfg.Process.StateDir))
	default:
		a.printf("%s\n", a.say(otherwise))
	}
}

// dash stands for an empty cell, so that columns can be told apart.
func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
