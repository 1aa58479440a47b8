package main

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/navette-connect/navette/connector"
	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
)

// statusView is `status --json` (contract §2); keys are only ever added.
type statusView struct {
	Recover    string                     `json:"recover,omitempty"` // why nothing is sent until `navette recover`
	Version    string                     `json:"version"`
	Flows      map[string]flowStatus      `json:"flows"`
	Gateways   map[string]gatewayStatus   `json:"gateways"`
	Transports map[string]transportStatus `json:"transports"`
	Journal    bool                       `json:"journal"` // false: nothing has run yet

	// Whose work the journal has that the configuration does not name any more.
	LeftFlows    []string `json:"left_flows,omitempty"`
	LeftAccounts []string `json:"left_accounts,omitempty"`
	left         connector.Left
}

type flowStatus struct {
	Files      map[string]int64 `json:"files"` // by state
	Rows       map[string]int64 `json:"rows"`  // instructions by state
	Paused     bool             `json:"paused"`
	Pause      string           `json:"pause"`        // all, intake or ""
	LastFileAt *string          `json:"last_file_at"` // RFC 3339; null: none yet
	Gateway    string           `json:"gateway"`
	Mapping    string           `json:"mapping"`
	DueAt      *string          `json:"due_at"` // when the file was due that has not come; null: none is missing

	late message.Text // the same for people
}

type gatewayStatus struct {
	Account   string  `json:"account"`
	Mode      string  `json:"mode"`
	Type      string  `json:"type"`
	Stopped   bool    `json:"stopped"`
	Reason    string  `json:"reason"` // why it is stopped
	StoppedAt *string `json:"stopped_at"`
	Waiting   int64   `json:"waiting"`   // instructions not sent yet
	Uncertain int64   `json:"uncertain"` // sent, the answer lost
}

type transportStatus struct {
	Type string `json:"type"`
}

func (a *app) statusCommand() *cobra.Command {
	var asJSON bool
	c := command("status", "", a.arguments(0, 0), func(c *cobra.Command, _ []string) (err error) {
		j, cfg, err := a.look(c.Context())
		if err != nil {
			return err
		}
		defer closing(j, &err)
		v, err := statusOf(c.Context(), cfg, j)
		if err != nil {
			return err
		}
		if asJSON {
			return a.encode(v)
		}
		return a.printStatus(cfg, v)
	})
	c.Flags().BoolVar(&asJSON, "json", false, "")
	return a.localise(c)
}

// statusOf gathers what is going on; j may be nil.
func statusOf(ctx context.Context, cfg *config.Config, j *journal.Journal) (statusView, error) {
	v := statusView{Version: version, Flows: map[string]flowStatus{}, Gateways: map[string]gatewayStatus{}, Transports: map[string]transportStatus{}, Journal: j != nil}
	at := clock{cfg.Process.Location}
	if j != nil {
		why, err := j.Meta(ctx, "recover")
		if err != nil {
			return v, err
		}
		v.Recover = why
	}
	if j != nil {
		left, err := connector.LeftBehind(ctx, j, func(name string) bool { return cfg.Flows[name] != nil }, func(account string) bool {
			for _, g := range cfg.Gateways {
				if g.Account == account {
					return true
				}
			}
			return false
		})
		if err != nil {
			return v, err
		}
		v.LeftFlows, v.LeftAccounts, v.left = left.Flows, left.Accounts, left
	}
	for name, t := range cfg.Transports {
		v.Transports[name] = transportStatus{t.Type}
	}
	for name, g := range cfg.Gateways {
		s := gatewayStatus{Account: g.Account, Mode: g.Mode, Type: g.Type}
		if j != nil {
			known, err := j.Gateway(ctx, g.Account)
			if err != nil {
				return v, err
			}
			if known.Stopped != "" {
				when := at.stamp(known.StoppedAt)
				s.Stopped, s.Reason, s.StoppedAt = true, known.Stopped, &when
			}
		}
		v.Gateways[name] = s
	}
	for name, f := range cfg.Flows {
		s := flowStatus{Files: map[string]int64{}, Rows: map[string]int64{}, Gateway: f.Gateway, Mapping: f.Mapping}
		if j != nil {
			known, err := j.FlowStatus(ctx, name)
			if err != nil {
				return v, err
			}
			s.Files, s.Rows = known.Files, known.Rows
			s.Paused, s.Pause = known.Flow.Paused != "", known.Flow.Paused
			if known.Flow.LastFileAt != 0 {
				when := at.stamp(known.Flow.LastFileAt)
				s.LastFileAt = &when
			}
			due, late, err := connector.Missing(ctx, j, f, known.Flow, time.Now().In(cfg.Process.Location))
			if err != nil {
				return v, err
			}
			if late {
				when := at.stamp(due.UnixMicro())
				s.DueAt, s.late = &when, connector.MissingText(name, due, known.Flow, cfg.Process.Location)
			}
		}
		v.Flows[name] = s
		g := v.Gateways[f.Gateway]
		g.Waiting += s.Rows[string(payment.Accepted)] + s.Rows[string(payment.Sending)]
		g.Uncertain += s.Rows[string(payment.Uncertain)]
		v.Gateways[f.Gateway] = g
	}
	return v, nil
}

func (a *app) printStatus(cfg *config.Config, v statusView) error {
	a.printf("navette %s\n", v.Version)
	if len(v.Flows) == 0 {
		a.printf("%s\n", a.say("ui.noflow", "dir", cfg.Process.ConfigDir))
		return a.printTodo(v)
	}
	if v.Recover != "" {
		a.printf("%s\n", a.say("ui.status.recover", "why", clean(v.Recover)))
	}
	if !v.Journal {
		a.printf("%s\n", a.say("ui.nojournal", "dir", cfg.Process.StateDir))
	}
	a.printf("\n")
	rows := [][]string{{a.say("ui.title.flow"), a.say("ui.title.files"), a.say("ui.title.rows"), a.say("ui.title.last"), ""}}
	at := clock{cfg.Process.Location}
	for _, name := range slices.Sorted(maps.Keys(v.Flows)) {
		f := v.Flows[name]
		state := ""
		if f.Paused {
			state = a.say("ui.status.paused." + f.Pause)
		}
		if f.DueAt != nil {
			state = strings.TrimSpace(state + " " + a.say("ui.status.late"))
		}
		last := "-"
		if f.LastFileAt != nil {
			last = at.reread(*f.LastFileAt)
		}
		rows = append(rows, []string{name, states(f.Files, fileOrder()), states(f.Rows, rowOrder()), last, state})
	}
	if err := a.table(rows); err != nil {
		return err
	}
	a.printf("\n")
	rows = [][]string{{a.say("ui.title.gateway"), a.say("ui.title.mode"), a.say("ui.title.waiting"), a.say("ui.title.account"), ""}}
	for _, name := range slices.Sorted(maps.Keys(v.Gateways)) {
		g := v.Gateways[name]
		state := ""
		if g.Stopped {
			state = a.say("ui.status.stopped", "since", at.reread(*g.StoppedAt), "reason", a.stopReason(g.Reason))
		}
		rows = append(rows, []string{name, a.mode(g.Mode), a.number(g.Waiting), g.Account, state})
	}
	if err := a.table(rows); err != nil {
		return err
	}
	return a.printTodo(v)
}

// printTodo names what waits for a person, each with the command that shows or mends it.
func (a *app) printTodo(v statusView) error {
	var todo [][]string
	if text, some := v.left.Text(); some {
		todo = append(todo, []string{"  " + text.In(a.lang()), "navette explain NV-4005"})
	}
	for _, name := range slices.Sorted(maps.Keys(v.Flows)) {
		f := v.Flows[name]
		if n := f.Files[journal.FileHeld]; n > 0 {
			todo = append(todo, []string{"  " + a.count("ui.todo.files.", n), "navette files --flow " + name})
		}
		for _, s := range []payment.State{payment.Held, payment.Uncertain} {
			if n := f.Rows[string(s)]; n > 0 {
				todo = append(todo, []string{"  " + a.count("ui.todo."+string(s)+".", n), "navette rows --state " + string(s) + " --flow " + name})
			}
		}
		if f.DueAt != nil {
			todo = append(todo, []string{"  " + f.late.In(a.lang()), "navette explain NV-3021"})
		}
		if f.Paused {
			todo = append(todo, []string{"  " + a.say("ui.todo.paused", "flow", name), "navette resume " + name})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.Gateways)) {
		if v.Gateways[name].Stopped {
			todo = append(todo, []string{"  " + a.say("ui.todo.stopped", "gateway", name), "navette resume " + name})
		}
	}
	if len(todo) == 0 {
		return nil
	}
	a.printf("\n%s\n", a.say("ui.todo"))
	return a.table(todo)
}

// mode shows a gateway's mode; production stands out.
func (a *app) mode(mode string) string { return strings.ToUpper(a.say("ui.mode." + mode)) }

// states writes counts by state, in order: "12 done, 1 held".
func states(counts map[string]int64, order []string) string {
	var list []string
	for _, s := range slices.Concat(order, slices.Sorted(maps.Keys(counts))) {
		if n := counts[s]; n > 0 {
			if text := strconv.FormatInt(n, 10) + " " + s; !slices.Contains(list, text) {
				list = append(list, text)
			}
		}
	}
	if list == nil {
		return "-"
	}
	return strings.Join(list, ", ")
}

// fileOrder puts the states that ask for something first.
func fileOrder() []string {
	return []string{journal.FileHeld, journal.FileClaiming, journal.FileClaimed, journal.FileSpooled, journal.FileAccepted, journal.FileDone, journal.FileRejected, journal.FileDuplicate}
}

// rowOrder likewise.
func rowOrder() []string {
	list := []string{string(payment.Held), string(payment.Uncertain)}
	for _, s := range payment.States {
		list = append(list, string(s))
	}
	return list
}

// stopReason says why a gateway is stopped in the user's language, as far as it is no answer of the PSP's.
func (a *app) stopReason(reason string) string {
	reason = strings.TrimPrefix(reason, payment.ErrStopped.Error()+": ")
	for text, key := range map[string]string{"credentials refused": "ui.stopped.credentials", "not the PSP's interface": "ui.stopped.address"} {
		if before, ok := strings.CutSuffix(reason, text); ok {
			return before + a.say(key)
		}
	}
	return clean(reason)
}
