package connector

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gocarina/gocsv"
	"golang.org/x/text/encoding/charmap"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
	"github.com/navette-connect/navette/mappings"
	"github.com/navette-connect/navette/transports"
)

// Decisions by file, for those without a shell. What is held is written to `{stem}_A_APPROUVER.csv` with empty columns
// `decision` and `motif`; filled in and dropped into the flow's `decisions` folder it releases or refuses. Who may write
// there decides: the rights of that folder name the approvers.

// maxDecisions bounds a file of decisions, in bytes.
const maxDecisions = 4 << 20

// toApprove is one line of such a file.
type toApprove struct {
	ID        string `csv:"id"`
	Line      int64  `csv:"line"`
	Reference string `csv:"reference"`
	Amount    string `csv:"amount"`
	Currency  string `csv:"currency"`
	Code      string `csv:"code"`
	Message   string `csv:"message"`
	Decision  string `csv:"decision"`
	Motif     string `csv:"motif"`
}

// decided is one line of the answer to it.
type decided struct {
	ID       string `csv:"id"`
	Decision string `csv:"decision"`
	Motif    string `csv:"motif"`
	State    string `csv:"state"` // done, failed
	Message  string `csv:"message"`
}

// toDecide writes what of a file waits for a person: the file itself, or its held rows.
func (e *engine) toDecide(ctx context.Context, f *journal.File, w *mappings.Writer, lay layout) error {
	rows := []toApprove{}
	if f.State == journal.FileHeld {
		rows = append(rows, toApprove{ID: fmt.Sprint("f", f.ID), Code: f.Code, Message: f.Message})
	}
	if err := gocsv.MarshalCSV(rows, w); err != nil {
		return err
	}
	return e.lines(ctx, f, judged, func(l *journal.Line) error {
		if l.State != journal.RowHeld || l.Document != l.ID || f.State == journal.FileRejected {
			return nil
		}
		return gocsv.MarshalCSVWithoutHeaders([]toApprove{{ID: fmt.Sprint("r", l.ID), Line: l.Line, Reference: l.Reference, Amount: decimal(l.Amount, lay.Dialect), Currency: l.Amount.Currency, Code: l.Code, Message: l.Message}}, w)
	})
}

// decisions takes the files of the flow's decisions folder that have settled.
func (n *intake) decisions(ctx context.Context) error {
	if n.flow.Decisions == "" {
		return nil
	}
	box := n.flow.Inbox
	files, err := box.List(ctx, n.flow.Decisions)
	if err != nil {
		return alarm("NV-3001", n.flow.Decisions, "", err)
	}
	look := n.approvals.Observe(time.Now(), files, transports.Rules{Quiet: n.flow.Quiet}) // real time, as for the inbox
	if n.settling += look.Settling; look.Settling > 0 {
		n.again = max(n.again, look.Again, 2*time.Millisecond)
	}
	var errs []error
	for _, file := range files { // claimed before the process ended
		if name, ours := strings.CutPrefix(file.Name, n.claimedDecisions()); ours {
			if err := n.decideClaimed(ctx, file.Name, name); err != nil {
				errs = append(errs, fmt.Errorf("decisions %q: %w", name, err))
			}
		}
	}
	for _, r := range look.Ready {
		if err := n.decideBy(ctx, r.File); err != nil {
			errs = append(errs, fmt.Errorf("decisions %q: %w", r.File.Name, err))
		}
		n.approvals.Forget(r.File.Name)
	}
	return errors.Join(errs...)
}

// claimedDecisions begins the names of files of decisions that this journal has claimed.
func (n *intake) claimedDecisions() string { return fmt.Sprintf(".navette-%.8s-decisions-", n.j.ID) }

// decideBy claims one file of decisions by a rename, so that nobody puts another in its place, and applies it if it is
// still the one that had settled.
func (n *intake) decideBy(ctx context.Context, file transports.File) error {
	box := n.flow.Inbox
	from, claimed := box.Join(n.flow.Decisions, file.Name), transports.SafeName(n.claimedDecisions(), file.Name, 255)
	if l, ok := box.(transports.Leaser); ok {
		if busy, known, err := l.Busy(ctx, from); err != nil || known && busy { // somebody is still writing
			n.settle(50 * time.Millisecond)
			return err
		}
	}
	to := box.Join(n.flow.Decisions, claimed)
	if err := box.Move(ctx, from, to); err != nil {
		return err
	}
	now, err := box.Stat(ctx, to)
	if err != nil {
		return err
	}
	if !unchanged(&file, &now) {
		return n.unclaim(ctx, to, from)
	}
	return n.decideClaimed(ctx, claimed, file.Name)
}

// unclaim lets a claimed file of decisions settle again under its own name.
func (n *intake) unclaim(ctx context.Context, from, to string) error {
	n.settle(max(n.flow.Quiet, 50*time.Millisecond))
	return n.flow.Inbox.Move(ctx, from, to)
}

// unchanged tells whether a file is the one it was, whatever it is called.
func unchanged(was, now *transports.File) bool {
	f := *was
	f.Name = now.Name
	return f.Same(*now) && was.Owner == now.Owner
}

// decideClaimed applies one claimed file of decisions, answers it, and moves it to `done`. Until it is moved it is read
// again: a decision of it that was applied is not applied twice.
func (n *intake) decideClaimed(ctx context.Context, claimed, name string) error {
	box := n.flow.Inbox
	from := box.Join(n.flow.Decisions, claimed)
	file, err := box.Stat(ctx, from)
	if err != nil {
		return err
	}
	if file.Same(n.decidedFile) { // answered; it could not be moved away
		return fmt.Errorf("it is applied, and cannot be moved to %s", n.flow.Done)
	}
	r, err := box.Open(ctx, from)
	if err != nil {
		return err
	}
	b, err := io.ReadAll(io.LimitReader(r, maxDecisions+1))
	if c := r.Close(); err == nil {
		err = c
	}
	if err != nil {
		return err
	}
	if now, err := box.Stat(ctx, from); err != nil {
		return err
	} else if !unchanged(&file, &now) { // written while it was read: whose words these are is not known
		return n.unclaim(ctx, from, box.Join(n.flow.Decisions, name))
	}
	digest, err := digestOf(bytes.NewReader(b))
	if err != nil {
		return err
	}
	lang := n.flow.Mapping.Locale
	var answers []decided
	rows, why := readDecisions(b)
	if why != "" {
		answers = append(answers, decided{State: "failed", Message: message.New(why).In(lang)})
	}
	for _, row := range rows {
		answers = append(answers, n.decideRow(ctx, file, name, digest, row))
	}
	d := n.flow.Mapping.Dialect()
	a, err := n.fix(ctx, n.flow, 0, "decisions", d, func(w *mappings.Writer) error { return gocsv.MarshalCSV(answers, w) })
	if err != nil {
		return err
	}
	done := journal.File{SHA256: digest, ReceivedAt: n.now().UnixMicro()}
	a.Name = stem(label(name)) + ".ack.csv"
	if err := n.j.Do(ctx, func(tx *journal.Tx) error {
		_, err := tx.AddDelivery(a.Delivery, numbered)
		return err
	}); err != nil {
		return err
	}
	n.stir()
	n.decidedFile = file
	archived := n.archiveName(&done, label(name))
	for i := 1; i < 1000; i++ {
		if err = box.Move(ctx, from, box.Join(n.flow.Done, numbered(archived, i))); !errors.Is(err, transports.ErrExists) {
			break
		}
	}
	return err
}

// decideRow applies one line in the name of whoever the file belongs to.
func (n *intake) decideRow(ctx context.Context, file transports.File, name, digest string, row toApprove) decided {
	answer := decided{ID: row.ID, Decision: row.Decision, Motif: row.Motif, State: "failed"}
	d := &decider{n.engine, voice(n.flow.Mapping.Locale)} // whoever approves reads the answer beside the mapping's other returns
	verb := verbOf(row.Decision)
	if verb == "" {
		answer.Message = d.told("ui.decisions.word", "word", oneLine(row.Decision))
		return answer
	}
	who := or(file.Owner, nobody+n.flow.Name)
	if file.Editable { // its owner may not have written it
		who = nobody + n.flow.Name
	}
	c := journal.Command{Verb: verb, Subject: strings.TrimSpace(row.ID), Reason: payment.WithoutMail(or(oneLine(strings.TrimSpace(row.Motif)), label(name))), ActorKind: "file", ActorID: who, ActorName: n.named(who)}
	if r := []rune(c.Reason); len(r) > 500 {
		c.Reason = string(r[:500])
	}
	err := n.j.Do(ctx, func(tx *journal.Tx) error {
		if was, seen, err := tx.DecidedBy(digest, c.Subject); err != nil {
			return err
		} else if seen {
			answer.State, answer.Message = was.State, was.Result
			return nil
		}
		if err := n.mayDecide(tx, d.voice, c, &file, &row); err != nil {
			return err
		}
		result, err := d.apply(tx, c, nil)
		if err != nil {
			return err
		}
		answer.State, answer.Message = "done", result
		c.Argument = digest
		return tx.Decided(c, "done", result)
	})
	if err != nil {
		answer.State, answer.Message = "failed", err.Error()
	}
	n.log.Info().Str("event", "decision").Str("verb", verb).Str("subject", c.Subject).Str("author", c.ActorName).Str("by", "file").Str("state", answer.State).Str("result", answer.Message).Msg("a person's decision")
	return answer
}

// mayDecide refuses decisions about another flow's rows, by whoever dropped the file they stood in, and on lines that no
// longer say what they were written with.
func (n *intake) mayDecide(tx *journal.Tx, v voice, c journal.Command, by *transports.File, row *toApprove) error {
	kind, id, err := ParseID(c.Subject)
	if err != nil {
		return v.wrong("ui.decide.id", "id", oneLine(c.Subject))
	}
	file := id
	var items []journal.Item
	switch kind {
	case 'f':
	case 'r', 'i':
		if items, err = n.itemsOf(tx, kind, id); err != nil {
			return v.unknown(c.Subject, err)
		}
		file = items[0].FileID
	default:
		return v.wrong("ui.decide.neither", "id", c.Subject)
	}
	f, err := tx.File(file)
	if err != nil {
		return err
	}
	known := !slices.Contains([]string{"", "0", n.UID}, f.DroppedBy)
	switch {
	case f.Flow != n.flow.Name:
		return v.wrong("ui.decisions.flow", "flow", f.Flow)
	case known && by.Owner != f.DroppedBy && by.Editable: // whoever dropped the original may have written it
		return v.wrong("ui.decisions.editable")
	case known && by.Owner == f.DroppedBy:
		return v.wrong("ui.decisions.dropper")
	}
	if says, holds := row.of(items); says != "" {
		return v.wrong("ui.decisions.mixed", "id", c.Subject, "says", oneLine(says), "holds", holds)
	}
	return nil
}

// of holds what a line tells beside its id against what the id stands for: a sheet of which one column alone was sorted
// must not release what was refused. What was emptied is not asked for. says is "" where nothing contradicts.
func (t *toApprove) of(items []journal.Item) (says, holds string) {
	var amount payment.Amount
	for i := range items {
		if holds == "" {
			holds = items[i].Reference
		}
		amount.Currency = items[i].Amount.Currency
		amount.Minor += items[i].Amount.Minor
	}
	// A spreadsheet takes noughts off; the mark is ours, before what it would run.
	zeros := func(s string) string { return strings.TrimLeft(strings.TrimPrefix(strings.TrimSpace(s), "'"), "0") }
	switch {
	case t.Reference != "" && zeros(t.Reference) != zeros(holds):
		return t.Reference, or(holds, "-")
	case t.Currency != "" && !strings.EqualFold(t.Currency, amount.Currency):
		return t.Currency, or(amount.Currency, "-")
	case t.Amount != "" && !sameAmount(t.Amount, amount):
		return t.Amount, or(decimal(amount, mappings.Dialect{Decimal: ','}), "-")
	}
	return "", ""
}

// sameAmount tells whether a spreadsheet's way to write an amount, as 7 000,00 € or 7000, is that amount.
func sameAmount(s string, a payment.Amount) bool {
	whole := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || strings.ContainsRune("€$£'’", r) {
			return -1
		}
		return r
	}, strings.TrimSuffix(strings.TrimSpace(s), a.Currency))
	exponent, err := payment.Exponent(a.Currency)
	if err != nil {
		return false
	}
	fraction := ""
	if i := strings.LastIndexAny(whole, ".,"); i >= 0 && len(whole)-i-1 <= exponent {
		whole, fraction = whole[:i], whole[i+1:]
	}
	whole = strings.NewReplacer(".", "", ",", "").Replace(whole)
	b, err := payment.ParseDecimal(whole+"."+fraction+strings.Repeat("0", exponent-len(fraction)), a.Currency)
	if exponent == 0 {
		b, err = payment.ParseDecimal(whole, a.Currency)
	}
	return err == nil && b == a
}

// named is what an approver is called in the journal.
func (n *intake) named(id string) string {
	if n.UserName != nil {
		if name := n.UserName(id); name != "" {
			return name
		}
	}
	return id
}

// verbOf reads a decision as people write it; "" when it is none.
func verbOf(word string) string {
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "oui", "o", "ok", "yes", "y", "release", "libérer", "liberer", "libéré", "approuver", "approuvé", "approuve", "accepter", "accepté", "accepte", "approve", "approved", "accept":
		return "release"
	case "non", "n", "no", "refuse", "refuser", "refusé", "refused", "rejeter", "rejeté", "reject", "rejected":
		return "refuse"
	}
	return ""
}

// readDecisions reads the lines whose decision is filled in. A spreadsheet may have saved the file with another separator
// or encoding, or moved its columns: they are found by their titles. why is the key of what is wrong with the whole file.
func readDecisions(b []byte) (rows []toApprove, why string) {
	if len(b) > maxDecisions {
		return nil, "ui.decisions.large"
	}
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(b) {
		decoded, err := charmap.Windows1252.NewDecoder().Bytes(b)
		if err != nil {
			return nil, "ui.decisions.titles"
		}
		b = decoded
	}
	titles, _, _ := bytes.Cut(b, []byte("\n"))
	comma := ';'
	for _, c := range ";,\t" {
		if bytes.Count(titles, []byte(string(c))) > bytes.Count(titles, []byte(string(comma))) {
			comma = c
		}
	}
	r := csv.NewReader(bytes.NewReader(b))
	r.Comma, r.FieldsPerRecord, r.LazyQuotes = comma, -1, true
	all, err := r.ReadAll()
	if err != nil || len(all) == 0 {
		return nil, "ui.decisions.titles"
	}
	at := map[string]int{}
	for i, t := range all[0] {
		at[strings.ToLower(strings.TrimSpace(t))] = i + 1
	}
	if at["motif"] == 0 {
		at["motif"] = at["reason"]
	}
	if at["id"] == 0 || at["decision"] == 0 {
		return nil, "ui.decisions.titles"
	}
	cell := func(record []string, title string) string {
		if i := at[title]; i > 0 && i <= len(record) {
			return strings.TrimSpace(record[i-1])
		}
		return ""
	}
	for _, record := range all[1:] {
		if cell(record, "decision") != "" {
			rows = append(rows, toApprove{ID: cell(record, "id"), Reference: cell(record, "reference"), Amount: cell(record, "amount"), Currency: cell(record, "currency"),
				Decision: cell(record, "decision"), Motif: cell(record, "motif")})
		}
	}
	if len(rows) == 0 {
		return nil, "ui.decisions.none"
	}
	return rows, ""
}
