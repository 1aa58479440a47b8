package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/navette-connect/navette/connector"
	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/payment"
)

// appliedWithin is how long a decision waits to be applied by the service, which looks every half a second; less where
// nobody seems to hold the journal.
const (
	appliedWithin = 3 * time.Second
	nobodyWithin  = 800 * time.Millisecond
)

// maxReason bounds a reason, in characters, and maxPSPID a PSP's id, in bytes.
const (
	maxReason = 500
	maxPSPID  = 250
)

// decisionCommands are a person's decisions. Each is written to the journal with its author, and applied by the service.
func (a *app) decisionCommands() []*cobra.Command {
	var reason, as, named string
	var all, intake bool
	decide := func(use string, fn func(ctx context.Context, cfg *config.Config, j *journal.Journal, args []string) (journal.Command, error)) *cobra.Command {
		verb, _, _ := strings.Cut(use, " ")
		args := a.arguments(1, 1)
		switch verb {
		case "pause", "resume":
			args = a.arguments(0, 1)
		case "recover":
			args = a.arguments(0, 0)
		}
		return command(use, "", args, func(c *cobra.Command, args []string) (err error) {
			j, cfg, err := a.look(c.Context())
			if err != nil {
				return err
			}
			if j == nil {
				return a.fail(exitFailed, "ui.nojournal", "dir", cfg.Process.StateDir)
			}
			defer closing(j, &err)
			cmd, err := fn(c.Context(), cfg, j, args)
			if err != nil {
				return err
			}
			cmd.Verb = verb
			return a.decide(c.Context(), cfg, j, cmd)
		})
	}
	subject := func(verb string, files bool, from ...string) func(context.Context, *config.Config, *journal.Journal, []string) (journal.Command, error) {
		return func(ctx context.Context, _ *config.Config, j *journal.Journal, args []string) (journal.Command, error) {
			text, err := a.reason(reason, verb != "retry")
			if err == nil {
				err = a.decidable(ctx, j, verb, args[0], files, from)
			}
			return journal.Command{Subject: args[0], Argument: as, Reason: text}, err
		}
	}
	undo := decide("undo FILE", fileSubject(a, &reason, journal.FileHeld, journal.FileAccepted, journal.FileDone))
	replay := decide("replay FILE", fileSubject(a, nil, journal.FileRejected))
	comeBack := decide("recover", func(context.Context, *config.Config, *journal.Journal, []string) (journal.Command, error) {
		text, err := a.reason(reason, true)
		return journal.Command{Subject: "journal", Reason: text}, err
	})
	comeBack.Flags().StringVar(&reason, "reason", "", "")
	redeliver := decide("redeliver RETURN", a.returnSubject)
	undo.Flags().StringVar(&reason, "reason", "", "")
	held, doubt := string(payment.Held), string(payment.Uncertain)
	release := decide("release ROW|FILE", subject("release", true, held))
	refuse := decide("refuse ROW|FILE", subject("refuse", true, held))
	retry := decide("retry ROW", subject("retry", false, doubt, string(payment.Refused), string(payment.Accepted)))
	resolving := subject("resolve", false, doubt, held)
	resolve := decide("resolve ROW", func(ctx context.Context, cfg *config.Config, j *journal.Journal, args []string) (journal.Command, error) {
		if as != "done" && as != "not-done" {
			return journal.Command{}, a.fail(exitUsage, "ui.resolve.as", "id", clean(args[0]))
		}
		cmd, err := resolving(ctx, cfg, j, args)
		switch id := strings.TrimSpace(named); {
		case err != nil || id == "":
			return cmd, err
		case as != "done":
			return cmd, a.fail(exitUsage, "ui.resolve.id_done")
		case len(id) > maxPSPID || clean(id) != id || strings.ContainsFunc(id, unicode.IsSpace):
			return cmd, a.fail(exitUsage, "ui.resolve.id_form", "id", clean(id))
		default:
			cmd.Argument += " " + id
		}
		return cmd, nil
	})
	for _, c := range []*cobra.Command{release, refuse, retry, resolve} {
		c.Flags().StringVar(&reason, "reason", "", "")
	}
	resolve.Flags().StringVar(&as, "as", "", "")
	resolve.Flags().StringVar(&named, "id", "", "")
	pause := decide("pause FLOW|--all", func(_ context.Context, cfg *config.Config, _ *journal.Journal, args []string) (journal.Command, error) {
		cmd, err := a.flowSubject(cfg, args, all, false)
		if intake {
			cmd.Argument = "intake"
		}
		return cmd, err
	})
	pause.Flags().BoolVar(&intake, "intake", false, "")
	resume := decide("resume FLOW|GATEWAY|--all", func(_ context.Context, cfg *config.Config, _ *journal.Journal, args []string) (journal.Command, error) {
		return a.flowSubject(cfg, args, all, true)
	})
	for _, c := range []*cobra.Command{pause, resume} {
		c.Flags().BoolVar(&all, "all", false, "")
	}
	list := []*cobra.Command{release, refuse, resolve, retry, undo, replay, redeliver, comeBack, pause, resume}
	for _, c := range list {
		a.localise(c)
	}
	return list
}

// fileSubject names a file that is in one of some states; reason, where not nil, must be given.
func fileSubject(a *app, reason *string, from ...string) func(context.Context, *config.Config, *journal.Journal, []string) (journal.Command, error) {
	return func(ctx context.Context, _ *config.Config, j *journal.Journal, args []string) (journal.Command, error) {
		cmd := journal.Command{Subject: args[0]}
		kind, id, err := connector.ParseID(args[0])
		if err != nil || kind != 'f' {
			return cmd, a.fail(exitFailed, "ui.id.file", "id", clean(args[0]))
		}
		if reason != nil {
			if cmd.Reason, err = a.reason(*reason, true); err != nil {
				return cmd, err
			}
		}
		f, err := j.File(ctx, id)
		switch {
		case errors.Is(err, journal.ErrMissing):
			return cmd, a.fail(exitFailed, "ui.id.unknown", "id", args[0])
		case err != nil:
			return cmd, err
		case !slices.Contains(from, f.State):
			return cmd, a.fail(exitFailed, "ui.id.filestate", "id", args[0], "state", a.word("ui.filestate.", f.State))
		}
		return cmd, nil
	}
}

// returnSubject names a return by its id or by its published name.
func (a *app) returnSubject(ctx context.Context, _ *config.Config, j *journal.Journal, args []string) (journal.Command, error) {
	find := func() (journal.Delivery, error) { return j.DeliveryNamed(ctx, args[0]) }
	if kind, id, err := connector.ParseID(args[0]); err == nil && kind == 'd' {
		find = func() (journal.Delivery, error) { return j.Delivery(ctx, id) }
	}
	d, err := find()
	if errors.Is(err, journal.ErrMissing) {
		return journal.Command{}, a.fail(exitFailed, "ui.id.return", "id", clean(args[0]))
	}
	return journal.Command{Subject: "d" + strconv.FormatInt(d.ID, 10)}, err
}

// reason checks the text that says why; it is kept for ever and shown to others.
func (a *app) reason(text string, compulsory bool) (string, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "" && compulsory:
		return "", a.fail(exitUsage, "ui.reason.missing")
	case utf8.RuneCountInString(text) > maxReason:
		return "", a.fail(exitUsage, "ui.reason.long", "limit", strconv.Itoa(maxReason))
	}
	return payment.WithoutMail(clean(text)), nil
}

// flowSubject names what is paused or resumed.
func (a *app) flowSubject(cfg *config.Config, args []string, all, gateways bool) (journal.Command, error) {
	switch {
	case all == (len(args) > 0):
		return journal.Command{}, a.fail(exitUsage, "ui.pause.one")
	case all:
		return journal.Command{Subject: "--all"}, nil
	case cfg.Flows[args[0]] != nil, gateways && cfg.Gateways[args[0]] != nil:
		return journal.Command{Subject: args[0]}, nil
	case gateways:
		return journal.Command{}, a.fail(exitUsage, "ui.unknown.either", "name", clean(args[0]), "flows", names(cfg.Flows), "gateways", names(cfg.Gateways))
	}
	return journal.Command{}, a.fail(exitUsage, "ui.unknown.flow", "name", clean(args[0]), "known", names(cfg.Flows))
}

// decidable refuses at once what cannot be decided: an unknown id, or a state in which there is nothing to decide. The
// service looks again when it applies the decision; this only spares a person the wait.
func (a *app) decidable(ctx context.Context, j *journal.Journal, verb, subject string, files bool, from []string) error {
	kind, id, err := connector.ParseID(subject)
	switch {
	case err != nil:
		return a.fail(exitFailed, "ui.id.form", "id", clean(subject))
	case kind == 'f' && !files, kind == 'd':
		return a.fail(exitFailed, "ui.id.kind", "id", subject, "verb", verb)
	case kind == 'f':
		return a.decidableFile(ctx, j, verb, subject, id)
	}
	var found [][2]string // state and code
	if kind == 'i' {
		it, err := j.Item(ctx, id)
		if err != nil && !errors.Is(err, journal.ErrMissing) {
			return err
		}
		if err == nil {
			found = append(found, [2]string{string(it.State), it.Code})
		}
	} else {
		entries, err := j.EntriesOf(ctx, id)
		if err != nil {
			return err
		}
		for _, e := range entries {
			found = append(found, [2]string{e.State, e.Code})
		}
	}
	if found == nil {
		return a.fail(exitFailed, "ui.id.unknown", "id", subject)
	}
	for _, s := range found {
		if verb == "release" && s[0] == string(payment.Refused) && s[1] == "NV-2003" { // a person's mistake, taken back
			continue
		}
		if !slices.Contains(from, s[0]) || verb == "resolve" && s[0] == string(payment.Held) && s[1] != "NV-2102" {
			if file, err := heldFile(ctx, j, kind, id); s[0] == string(payment.Accepted) && (err != nil || file != "") {
				return errors.Join(err, a.fail(exitFailed, "ui.id.infile", "id", subject, "verb", verb, "file", file))
			}
			return a.fail(exitFailed, "ui.id.state", "id", subject, "state", a.state(s[0]), "verb", verb)
		}
	}
	return nil
}

// heldFile is the file that a row or instruction waits with; "" when that is not held.
func heldFile(ctx context.Context, j *journal.Journal, kind byte, id int64) (string, error) {
	file, err := int64(0), error(nil)
	if kind == 'i' {
		var it journal.Item
		it, err = j.Item(ctx, id)
		file = it.FileID
	} else {
		file, err = j.FileOfRow(ctx, id)
	}
	if err != nil {
		return "", err
	}
	f, err := j.File(ctx, file)
	if err != nil || f.State != journal.FileHeld {
		return "", err
	}
	return "f" + strconv.FormatInt(file, 10), nil
}

func (a *app) decidableFile(ctx context.Context, j *journal.Journal, verb, subject string, id int64) error {
	f, err := j.File(ctx, id)
	switch {
	case errors.Is(err, journal.ErrMissing):
		return a.fail(exitFailed, "ui.id.unknown", "id", subject)
	case err != nil:
		return err
	case f.State != journal.FileHeld && f.State != journal.FileAccepted:
		return a.fail(exitFailed, "ui.id.state", "id", subject, "state", a.word("ui.filestate.", f.State), "verb", verb)
	}
	return nil
}

// decide writes a decision with its author, waits for the service to apply it, and says what became of it.
func (a *app) decide(ctx context.Context, cfg *config.Config, j *journal.Journal, cmd journal.Command) error {
	done, err := a.decided(ctx, cfg, j, cmd)
	if err != nil || done == nil {
		return err
	}
	if told := clean(done.Result); told != "" && slices.Contains([]string{"undo", "replay", "redeliver", "recover", "release"}, cmd.Verb) {
		a.printf("%s\n", told)
	}
	a.printf("%s\n", a.nextStep(cmd))
	return nil
}

// decided writes a decision with its author and waits for the service to apply it; nil when it will be applied later, which
// was said.
func (a *app) decided(ctx context.Context, cfg *config.Config, j *journal.Journal, cmd journal.Command) (*journal.Command, error) {
	cmd.ActorID, cmd.ActorName = author(os.Getuid())
	cmd.ActorKind = "user"
	id, err := j.WriteCommand(ctx, cmd)
	if err != nil {
		return nil, err
	}
	wait := appliedWithin
	if cfg.Process.DatabaseURL == "" && !lockHeld(cfg.Process.StateDir) {
		wait = nobodyWithin
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	what := cmd.Verb + " " + cmd.Subject
	if cmd.Verb == "purge" { // what it removes is said beside it, and is never the journal
		what = cmd.Verb
	}
	for {
		now, err := j.Command(ctx, id)
		switch {
		case ctx.Err() != nil:
			a.printf("%s\n", a.say("ui.decision.later", "what", what))
			return nil, nil
		case err != nil:
			return nil, err
		case now.State == "failed":
			return nil, a.fail(exitFailed, "ui.decision.failed", "what", what, "reason", clean(now.Result))
		case now.State == "done":
			a.printf("%s\n", a.say("ui.decision.done", "what", what, "author", cmd.ActorName))
			return &now, nil
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// nextStep is the command that shows what a decision did, or takes it back.
func (a *app) nextStep(cmd journal.Command) string {
	switch {
	case cmd.Verb == "pause":
		return a.say("ui.next.pause", "subject", cmd.Subject)
	case cmd.Verb == "resume", cmd.Verb == "recover":
		return a.say("ui.next.resume")
	case strings.HasPrefix(cmd.Subject, "f"), strings.HasPrefix(cmd.Subject, "d"): // `where` knows rows alone
		return a.say("ui.next.file")
	}
	return a.say("ui.next.row", "subject", cmd.Subject)
}

// author is who decides: the user of this process, and behind sudo also who became that user.
func author(uid int) (id, name string) {
	id = strconv.Itoa(uid)
	if name = userName(id); name == "" { // a user without a name: in a container, or the directory is away
		name = id
	}
	const people = 1000 // from here on people have their accounts, and may set the variable themselves
	if from := clean(os.Getenv("SUDO_USER")); from != "" && from != name && uid < people {
		name += " (sudo: " + from + ")"
	}
	return id, name
}

// lockHeld tells whether a process of this machine holds the lock of a state directory, as the kernel lists it; taking
// the lock to find out could keep a service from starting. It is a hint: a container may not see the holder.
func lockHeld(stateDir string) bool {
	info, err := os.Stat(filepath.Join(stateDir, "lock"))
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	locks, err := os.ReadFile("/proc/locks")
	if !ok || err != nil {
		return true // not known
	}
	inode := ":" + strconv.FormatUint(stat.Ino, 10) + " "
	for line := range strings.Lines(string(locks)) {
		if strings.Contains(line, "FLOCK") && strings.Contains(line, inode) {
			return true
		}
	}
	return false
}
