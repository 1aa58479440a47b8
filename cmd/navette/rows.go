package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/payment"
)

// rowView is one element of `rows --json` (contract §2).
type rowView struct {
	ID        string `json:"id"` // "r12"
	Flow      string `json:"flow"`
	File      string `json:"file"`
	Line      int64  `json:"line"`
	Kind      string `json:"kind"`
	Reference string `json:"reference"`
	State     string `json:"state"`
	Code      string `json:"code"`
	Message   string `json:"message"`
}

func viewOf(e journal.Entry) rowView {
	return rowView{"r" + strconv.FormatInt(e.RowID, 10), e.Flow, e.File, e.Line, e.Kind, e.Reference, e.State, e.Code, e.Text}
}

func (a *app) rowsCommand() *cobra.Command {
	var asJSON bool
	var flow, code string
	var states []string
	var limit int
	c := command("rows", "", a.arguments(0, 0), func(c *cobra.Command, _ []string) (err error) {
		state, err := a.rowState(states)
		if err != nil {
			return err
		}
		j, cfg, err := a.look(c.Context())
		if err != nil {
			return err
		}
		defer closing(j, &err)
		if err := a.knownFlow(c.Context(), cfg, j, flow); err != nil {
			return err
		}
		list, more, err := rowsOf(c.Context(), j, flow, state, code, limit)
		switch {
		case err != nil:
			return err
		case asJSON:
			return a.encode(list)
		case len(list) == 0:
			a.nothing(cfg, j, "ui.rows.none")
			return nil
		}
		return a.printRows(list, more)
	})
	c.Flags().BoolVar(&asJSON, "json", false, "")
	c.Flags().StringVar(&flow, "flow", "", "")
	c.Flags().StringArrayVar(&states, "state", nil, "")
	c.Flags().StringVar(&code, "code", "", "")
	c.Flags().IntVar(&limit, "limit", 100, "")
	return a.localise(c)
}

// rowState settles what --state means: here it is the state looked for, while every other command takes the state
// directory under that name. The words are few and no path, so both are understood.
func (a *app) rowState(given []string) (state string, err error) {
	known := rowStates()
	for _, s := range given {
		switch {
		case slices.Contains(known, s):
			state = s
		case strings.ContainsRune(s, filepath.Separator), isDir(s):
			a.flags.StateDir = s
		default:
			return "", a.fail(exitUsage, "ui.rows.state", "state", clean(s), "known", strings.Join(known, ", "))
		}
	}
	return state, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// rowStates are the words that `rows --state` takes.
func rowStates() []string {
	list := []string{journal.RowRejected, journal.RowSkipped, journal.RowDuplicate}
	for _, s := range payment.States {
		list = append(list, string(s))
	}
	return list
}

// rowsOf lists rows, those of the newest file first, at most limit (0: all). j may be nil.
func rowsOf(ctx context.Context, j *journal.Journal, flow, state, code string, limit int) (list []rowView, more bool, err error) {
	list = []rowView{}
	if j == nil {
		return list, false, nil
	}
	var entries []journal.Entry
	if code != "" {
		entries, err = j.Coded(ctx, flow, state, strings.ToUpper(code), oneMore(limit))
	} else {
		entries, err = j.Entries(ctx, flow, state, oneMore(limit))
	}
	if err != nil {
		return nil, false, err
	}
	if limit > 0 && len(entries) > limit {
		entries, more = entries[:limit], true
	}
	for _, e := range entries {
		list = append(list, viewOf(e))
	}
	return list, more, nil
}

func (a *app) printRows(list []rowView, more bool) error {
	rows := [][]string{{"ID", a.say("ui.title.flow"), a.say("ui.title.file"), a.say("ui.title.line"), a.say("ui.title.reference"), a.say("ui.title.kind"), a.say("ui.title.state"), a.say("ui.title.code"), a.say("ui.title.message")}}
	for _, r := range list {
		rows = append(rows, []string{r.ID, r.Flow, r.File, strconv.FormatInt(r.Line, 10), dash(r.Reference), r.Kind, r.State, dash(r.Code), r.Message})
	}
	if err := a.table(rows); err != nil {
		return err
	}
	if more {
		a.printf("%s\n", a.say("ui.more", "limit", strconv.Itoa(len(list))))
	}
	next := map[string]string{}
	for _, r := range list {
		if text := a.nextOfRow(r.ID, r.State, r.Code); text != "" && next[r.State] == "" {
			next[r.State] = text
			a.printf("\n%s", text)
		}
	}
	if len(next) > 0 {
		a.printf("\n")
	}
	return nil
}

// nextOfRow is what a person may do about a row; "" when nothing is to be done.
func (a *app) nextOfRow(id, state, code string) string {
	switch payment.State(state) {
	case payment.Held:
		if code == "NV-2102" {
			return a.say("ui.next.uncertain", "id", id)
		}
		return a.say("ui.next.held", "id", id)
	case payment.Uncertain:
		return a.say("ui.next.uncertain", "id", id)
	case payment.Refused:
		switch code {
		case "NV-2003":
			return a.say("ui.next.closed", "id", id)
		case "NV-1407": // never sent
			return ""
		}
		return a.say("ui.next.refused", "id", id)
	}
	return ""
}
