package connector

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
)

// decideLoop applies people's commands as they are written, until ctx ends.
func (e *engine) decideLoop(ctx context.Context) error {
	var seen, again time.Time // the journal when there was nothing to do; when to go on tidying
	for ctx.Err() == nil {
		// An idle journal is not asked: nobody has written to it since there was nothing to do.
		if at := e.j.Touched(); at.IsZero() || !at.Equal(seen) {
			seen = time.Time{}
			if e.decide(ctx) && time.Since(at) > time.Second { // the file's clock may be as coarse as that
				seen = at
			}
		}
		pause := onGrid(time.Second)
		if now := time.Now(); !now.Before(again) {
			if in := e.tidy(ctx); in > 0 {
				again, pause = now.Add(in), min(in, pause)
			}
		}
		e.sleep(ctx, "decide", pause)
	}
	return nil
}

// decide applies what people have decided; each command and its effect are one commit. Rights are checked here, where a
// command is applied, and not where it is typed. It tells whether nothing waited.
func (e *engine) decide(ctx context.Context) bool {
	list, err := e.j.NewCommands(ctx)
	if err != nil {
		e.alarms.report(e.log, "decide", err)
		return false
	}
	for _, c := range list {
		c.Reason = payment.WithoutMail(c.Reason) // it goes into events, which are kept for ever
		var result string
		n, asked := e.identify(ctx, c)
		if ctx.Err() != nil {
			return false
		}
		apply := func(tx *journal.Tx) (err error) {
			if asked != nil {
				return asked
			}
			result, err = (&decider{e, e.voice}).apply(tx, c, n)
			if err == nil {
				err = tx.Applied(c.ID, "done", result)
			}
			return err
		}
		if err := e.j.Do(ctx, apply); err != nil {
			if fatal(err) || ctx.Err() != nil {
				return false
			}
			result = err.Error()
			if err := e.j.Do(ctx, func(tx *journal.Tx) error { return tx.Applied(c.ID, "failed", result) }); err != nil {
				e.alarms.report(e.log, "decide", err)
				return false
			}
		}
		if err := e.pauses(ctx); err != nil {
			e.alarms.report(e.log, "decide", err)
			return false
		}
		e.alarms.clear(e.log, "decide")
		e.log.Info().Str("event", "decision").Str("verb", c.Verb).Str("subject", c.Subject).Str("argument", c.Argument[:min(len(c.Argument), 100)]).Str("author", c.ActorName).Str("uid", c.ActorID).Str("result", firstOf(result)).Msg("a person's decision")
		e.stir()
		for _, n := range e.intakes {
			e.wakeOne("intake:" + n.flow.Name)
		}
	}
	return len(list) == 0
}

// decider applies decisions, and says in its own voice what became of them.
type decider struct {
	*engine
	voice
}

// apply applies one command; n is what it names at the PSP, nil for nothing.
func (e *decider) apply(tx *journal.Tx, c journal.Command, n *named) (string, error) {
	if c.ActorID == "" {
		return "", e.wrong("ui.decide.unsigned")
	}
	switch c.Verb {
	case "pause", "resume":
		return e.applyPause(tx, c)
	case "recover":
		return e.recover(tx)
	case "erase":
		e.untidy = true
		return e.erase(tx, c)
	case "purge":
		e.untidy = true
		return e.purge(tx)
	}
	kind, id, err := ParseID(c.Subject)
	if err != nil {
		return "", e.wrong("ui.decide.id", "id", c.Subject)
	}
	if kind == 'f' {
		f, err := tx.File(id)
		if err != nil {
			return "", e.unknown(c.Subject, err)
		}
		switch c.Verb {
		case "release":
			return e.releaseFile(tx, c, f)
		case "refuse":
			return e.refuseFile(tx, c, f)
		case "undo":
			return e.undo(tx, c, f)
		case "replay":
			return e.replay(tx, f)
		}
		return "", e.wrong("ui.decide.row", "verb", c.Verb)
	}
	if kind == 'd' {
		return e.redeliver(tx, c, id)
	}
	if c.Verb == "undo" || c.Verb == "replay" {
		return "", e.wrong("ui.decide.file", "verb", c.Verb)
	}
	items, err := e.itemsOf(tx, kind, id)
	if err != nil {
		return "", e.unknown(c.Subject, err)
	}
	awaits := ""
	for i := range items {
		if c.Verb == "release" {
			if text, err := e.second(tx, c, &items[i]); err != nil {
				return "", err
			} else if text != "" { // noted; another person's release is awaited
				awaits = text
				continue
			}
		}
		if err := e.applyItem(tx, c, &items[i], n); err != nil {
			return "", err
		}
	}
	return or(awaits, e.told("ui.decide.rows", "n", strconv.Itoa(len(items)))), nil
}

func (e *engine) itemsOf(tx *journal.Tx, kind byte, id int64) ([]journal.Item, error) {
	if kind == 'i' {
		it, err := tx.Item(id)
		return []journal.Item{it}, err
	}
	items, err := tx.OfRow(id)
	if err == nil && len(items) == 0 {
		err = fmt.Errorf("%w: the row became nothing to send", journal.ErrMissing)
	}
	return items, err
}

func (e *decider) applyItem(tx *journal.Tx, c journal.Command, it *journal.Item, n *named) error {
	say := func(key string) string {
		return message.New(key, "author", c.ActorName, "reason", c.Reason).In(e.localeOf(it.Source.Flow))
	}
	as, _ := argument(c)
	switch c.Verb + " " + as {
	case "release ":
		if closedByPerson(it) {
			return e.reopen(tx, it, say("NV-2003.released"))
		}
		if it.State != payment.Held {
			return e.wrong("ui.decide.state", "state", e.stateWord(string(it.State)))
		}
		if it.Code == "NV-2102" {
			return e.wrong("ui.decide.other")
		}
		if waits, err := tx.Waits(it.ID); err != nil {
			return err
		} else if waits { // it replaces an open request: the cancel is tried again
			if err := tx.SetDue(dueReplace, it.ID, it.Account, tx.Now, 0); err != nil {
				return err
			}
		}
		if err := tx.Decide(it, payment.Accepted, "", say("NV-2003.released")); err != nil {
			return err
		}
		return tx.AcceptRow(it.RowID)
	case "refuse ":
		if it.State != payment.Held {
			return e.wrong("ui.decide.state", "state", e.stateWord(string(it.State)))
		}
		if it.Code == "NV-2102" { // the PSP has it: to call it closed would let it be asked for again
			return e.wrong("ui.decide.other")
		}
		return tx.Close(it, "NV-2003", say("NV-2003.refused"))
	case "resolve done":
		return e.resolveDone(tx, it, n, message.New("NV-2003.done", "author", c.ActorName, "reason", c.Reason))
	case "resolve not-done":
		if it.State != payment.Uncertain && it.Code != "NV-2102" {
			return e.wrong("ui.decide.state", "state", e.stateWord(string(it.State)))
		}
		return tx.Decide(it, payment.Accepted, "", say("NV-2003.not_done"))
	case "retry ":
		switch it.State {
		case payment.Refused:
			switch {
			case closedByPerson(it): // above four_eyes it is not for one person to send it
				return e.wrong("ui.retry.closed")
			case it.SentAt == 0:
				return e.wrong("ui.retry.unsent")
			}
			_, err := e.again(tx, it)
			return err
		case payment.Uncertain:
			return tx.SetDue("look", it.ID, it.Account, tx.Now, 0)
		case payment.Accepted:
			return nil // it goes out by itself
		}
		return e.wrong("ui.decide.state", "state", e.stateWord(string(it.State)))
	}
	return e.wrong("ui.decide.unknown", "verb", c.Verb+" "+c.Argument)
}

// closedByPerson tells what a person closed. `release` takes that back, under the same four eyes as what is held.
func closedByPerson(it *journal.Item) bool {
	return it.State == payment.Refused && it.Code == "NV-2003" && it.RowID != 0
}

// reopen lets go on what a person had closed: its next revision is sent, if nothing else asks for the same by now.
func (e *engine) reopen(tx *journal.Tx, it *journal.Item, text string) error {
	id, err := e.again(tx, it)
	if err != nil {
		return err
	}
	if err := tx.AcceptRow(it.RowID); err != nil {
		return err
	}
	return tx.AddEvents([]journal.Event{{InstructionID: id, Flow: it.Source.Flow, Account: it.Account, Word: payment.WordReleased, State: payment.Accepted, Previous: payment.Accepted,
		Amount: it.Amount, OccurredAt: tx.Now, Reason: text}})
}

// again makes the next revision of what was refused, unless another request of the same reference may be paid, or nobody
// knows any more whose it is.
func (e *engine) again(tx *journal.Tx, it *journal.Item) (id int64, err error) {
	if blank, err := tx.Blanked(it.RowID); err != nil || blank {
		if err == nil {
			err = e.wrong("ui.retry.erased")
		}
		return 0, err
	}
	other, err := tx.Live(it)
	if err != nil {
		return 0, err
	}
	if other != 0 {
		return 0, e.wrong("ui.retry.live", "id", fmt.Sprint("i", other))
	}
	return tx.Again(it)
}

func (e *decider) releaseFile(tx *journal.Tx, c journal.Command, f journal.File) (string, error) {
	n := e.intakeOf(f.Flow)
	switch {
	case n == nil:
		return "", e.wrong("ui.decide.flow", "flow", f.Flow)
	case f.State == journal.FileHeld && f.Code == "NV-1005":
		return "", e.wrong("ui.decide.incomplete")
	case f.State == journal.FileHeld && !f.Judged: // too large to be read
		return e.told("ui.decide.read"), tx.SetFile(f.ID, []string{journal.FileHeld}, "state", journal.FileClaimed, "released", f.Released+" "+f.Code+".bytes", "code", "", "message", "")
	case f.State == journal.FileHeld:
		return e.liftHold(tx, n, f)
	}
	released, awaits := 0, ""
	err := eachOfFile(tx, f.ID, payment.Held, func(it *journal.Item) error {
		if it.Code == "NV-2102" {
			return nil // only `resolve` decides about these
		}
		text, err := e.second(tx, c, it)
		if err != nil || text != "" {
			awaits = or(text, awaits)
			return err
		}
		released++
		return e.applyItem(tx, c, it, nil)
	})
	if err != nil {
		return "", err
	}
	if awaits != "" {
		return e.told("ui.decide.go", "n", strconv.Itoa(released)) + " " + awaits, nil
	}
	if released == 0 {
		return "", e.wrong("ui.decide.nothing", "state", e.fileWord(f.State))
	}
	return e.told("ui.decide.go", "n", strconv.Itoa(released)), nil
}

// liftHold lifts the hold a file shows. If another one is behind it the file stays held, and shows that.
func (e *decider) liftHold(tx *journal.Tx, n *intake, f journal.File) (string, error) {
	ctx := context.Background() // bounded: it reads the journal
	lifted, _, err := n.holdOf(ctx, &f, f.Rows)
	if err != nil {
		return "", err
	}
	f.Released += " " + or(lifted, f.Code)
	next, text, err := n.holdsFile(ctx, &f, f.Rows)
	if err != nil {
		return "", err
	}
	if lifted == "NV-1505.first" {
		if err := tx.SetFlow(f.Flow, "approved", n.approval()); err != nil {
			return "", err
		}
	}
	if next != "" {
		return e.told("ui.decide.still", "code", next, "text", text), tx.SetFile(f.ID, []string{journal.FileHeld}, "released", f.Released, "code", next, "message", text)
	}
	return e.told("ui.decide.goes"), tx.ReleaseFile(&f, n.flow.Delay, n.flow.Patience)
}

func (e *decider) refuseFile(tx *journal.Tx, c journal.Command, f journal.File) (string, error) {
	if f.State == journal.FileHeld && !f.Judged {
		text := f.Message + " | " + message.New("NV-2003.refused", "author", c.ActorName, "reason", c.Reason).In(e.localeOf(f.Flow))
		return e.told("ui.decide.refused"), tx.SetFile(f.ID, []string{journal.FileHeld}, "deadline", 1, "message", text)
	}
	states := []payment.State{payment.Held}
	if f.State == journal.FileHeld {
		states = append(states, payment.Accepted) // nothing of a held file has left
	} else if f.State != journal.FileAccepted {
		return "", e.wrong("ui.decide.state", "state", e.fileWord(f.State))
	}
	closed := 0
	text := message.New("NV-2003.refused", "author", c.ActorName, "reason", c.Reason).In(e.localeOf(f.Flow))
	for _, s := range states {
		err := eachOfFile(tx, f.ID, s, func(it *journal.Item) error {
			if it.RowID == 0 || it.Code == "NV-2102" { // an act of navette's own goes with the row it serves; only `resolve` decides about the other
				return nil
			}
			closed++
			return tx.Close(it, "NV-2003", text)
		})
		if err != nil {
			return "", err
		}
	}
	if f.State == journal.FileHeld {
		return e.told("ui.decide.closed", "n", strconv.Itoa(closed)), tx.SetFile(f.ID, []string{journal.FileHeld}, "state", journal.FileAccepted, "code", "", "message", "")
	}
	return e.told("ui.decide.closed", "n", strconv.Itoa(closed)), nil
}

// eachOfFile passes the instructions of a file in a state, page by page.
func eachOfFile(tx *journal.Tx, file int64, state payment.State, to func(*journal.Item) error) error {
	for after := int64(0); ; {
		items, err := tx.OfFile(file, after, state, page)
		if err != nil || len(items) == 0 {
			return err
		}
		for i := range items {
			if err := to(&items[i]); err != nil {
				return err
			}
		}
		after = items[len(items)-1].ID
	}
}

func (e *engine) applyPause(tx *journal.Tx, c journal.Command) (string, error) {
	paused := ""
	if c.Verb == "pause" {
		paused = or(c.Argument, "all")
	}
	found := 0
	for _, n := range e.intakes {
		if c.Subject == n.flow.Name || c.Subject == "--all" {
			found++
			if c.Verb == "resume" && c.Subject == n.flow.Name { // of a flow that is not paused: its folders stand where they are meant to
				if f, err := tx.Flow(n.flow.Name); err != nil {
					return "", err
				} else if f.Paused == "" {
					if err := forgetMounts(tx, n.flow.Name); err != nil {
						return "", err
					}
					n.moved.Store(true)
				}
			}
			if err := tx.SetFlow(n.flow.Name, "paused", paused); err != nil {
				return "", err
			}
		}
	}
	for _, d := range e.dispatches {
		if c.Verb == "resume" && (c.Subject == d.account.Name || c.Subject == "--all") {
			found++
			if err := tx.StopGateway(d.account.Account, ""); err != nil {
				return "", err
			}
			d.gate.retry()
		}
	}
	if found == 0 {
		return "", e.wrong("ui.decide.nowhere", "name", c.Subject)
	}
	return e.told("ui.decide.found", "n", strconv.Itoa(found)), nil
}

// firstOf is an answer without the list behind it.
func firstOf(answer string) string {
	first, _, _ := strings.Cut(answer, ItemMark)
	return first
}

// voice says the outcome of a decision in one language, that of whoever reads it.
type voice string

func (v voice) told(key string, args ...string) string {
	return message.New(key, args...).In(string(v))
}

// wrong makes an error of why a decision cannot be applied.
func (v voice) wrong(key string, args ...string) error { return errors.New(v.told(key, args...)) }

// unknown is what is said of a subject that is not in the journal; any other error goes on as it is.
func (v voice) unknown(subject string, err error) error {
	if errors.Is(err, journal.ErrMissing) {
		return v.wrong("ui.decide.missing", "id", subject)
	}
	return fmt.Errorf("%s: %w", subject, err)
}

func (v voice) stateWord(state string) string { return v.worded("ui.state.", state) }

func (v voice) fileWord(state string) string { return v.worded("ui.filestate.", state) }

func (v voice) worded(family, word string) string {
	if message.Has(family + word) {
		return v.told(family + word)
	}
	return word
}

func (e *engine) intakeOf(flow string) *intake {
	for _, n := range e.intakes {
		if n.flow.Name == flow {
			return n
		}
	}
	return nil
}

func (e *engine) localeOf(flow string) string {
	if n := e.intakeOf(flow); n != nil {
		return n.flow.Mapping.Locale
	}
	return "fr"
}

// ParseID reads the ids that commands print: r12 a row, f3 a file, i7 an instruction.
func ParseID(s string) (kind byte, id int64, err error) {
	if len(s) > 1 && strings.ContainsRune("rfid", rune(s[0])) {
		if id, err = strconv.ParseInt(s[1:], 10, 64); err == nil && id > 0 {
			return s[0], id, nil
		}
	}
	return 0, 0, fmt.Errorf("%q is no id: rows are r12, files f3 (see `navette rows` and `navette files`)", s)
}
