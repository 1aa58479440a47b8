package connector

import (
	"context"
	"slices"
	"strings"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/message"
)

// Left is whose work the journal has that the configuration does not name any more: nothing of it is sent, answered or told
// until the names are back.
type Left struct {
	Flows, Accounts []string // sorted
}

// LeftBehind looks for it; flows and accounts tell what is configured.
func LeftBehind(ctx context.Context, j *journal.Journal, flows, accounts func(string) bool) (l Left, err error) {
	list, err := j.Unsettled(ctx)
	if err != nil {
		return l, err
	}
	for _, of := range list {
		if of.Flow != "" && !flows(of.Flow) {
			l.Flows = append(l.Flows, of.Flow)
		}
		if of.Account != "" && !accounts(of.Account) {
			l.Accounts = append(l.Accounts, of.Account)
		}
	}
	slices.Sort(l.Flows)
	slices.Sort(l.Accounts)
	l.Flows, l.Accounts = slices.Compact(l.Flows), slices.Compact(l.Accounts)
	return l, nil
}

// Text says it; false where nothing is left behind.
func (l Left) Text() (message.Text, bool) {
	list := func(names []string) string { return or(strings.Join(names, ", "), "-") }
	return message.New("NV-4005.left", "flows", list(l.Flows), "accounts", list(l.Accounts)), len(l.Flows)+len(l.Accounts) > 0
}

// leftBehind is a trouble while there is work that no loop does.
func (e *engine) leftBehind(ctx context.Context) error {
	l, err := LeftBehind(ctx, e.j, func(name string) bool {
		return slices.ContainsFunc(e.Flows, func(f *Flow) bool { return f.Name == name })
	},
		func(account string) bool {
			return slices.ContainsFunc(e.Accounts, func(a *Account) bool { return a.Account == account })
		})
	if err != nil {
		return err
	}
	text, some := l.Text()
	if !some {
		e.alarms.clear(e.log, "left")
		return nil
	}
	err = &Trouble{Code: "NV-4005", Text: text}
	e.alarms.report(e.log, "left", err)
	return err
}
