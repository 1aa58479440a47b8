package main

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/navette-connect/navette/connector"
	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/payment"
)

// whereView is `where REF --json` (contract §2); keys are only ever added.
type whereView struct {
	Reference    string            `json:"reference"`
	Instructions []instructionView `json:"instructions"`
	Rows         []rowView         `json:"rows"` // rows of the reference that became no instruction
}

type instructionView struct {
	ID            string       `json:"id"`  // "i7"
	Row           string       `json:"row"` // "r12", what decisions name
	FileID        string       `json:"file_id"`
	Flow          string       `json:"flow"`
	File          string       `json:"file"`
	Line          int          `json:"line"`
	Kind          string       `json:"kind"`
	Operation     string       `json:"operation"`
	Reference     string       `json:"reference"`
	Part          string       `json:"part"`
	Revision      int          `json:"revision"`
	Amount        string       `json:"amount"` // "1234.56"; "" for none
	Currency      string       `json:"currency"`
	Paid          string       `json:"paid"`
	Refunded      string       `json:"refunded"`
	State         string       `json:"state"`
	Code          string       `json:"code"`
	Message       string       `json:"message"`
	PaymentID     string       `json:"payment_id"`
	TransactionID string       `json:"transaction_id"`
	Link          string       `json:"link"`
	ReceivedAt    string       `json:"received_at"`
	SentAt        string       `json:"sent_at"`
	Events        []eventView  `json:"events"`
	Returns       []returnView `json:"returns"`
	FileState     string       `json:"file_state"` // "held": the row waits with its file
	FileCode      string       `json:"file_code"`
	FileMessage   string       `json:"file_message"`
}

type eventView struct {
	At       string `json:"at"` // RFC 3339
	Event    string `json:"event"`
	State    string `json:"state"`
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
	Code     string `json:"code"`
	Message  string `json:"message"`

	money payment.Amount
	us    int64
}

func (a *app) whereCommand() *cobra.Command {
	var asJSON bool
	c := command("where REF", "", a.arguments(1, 1), func(c *cobra.Command, args []string) (err error) {
		j, cfg, err := a.look(c.Context())
		if err != nil {
			return err
		}
		defer closing(j, &err)
		at := clock{cfg.Process.Location}
		ref, err := referenceOf(c.Context(), j, strings.TrimSpace(args[0]))
		if err != nil {
			return err
		}
		v, err := whereOf(c.Context(), j, at, ref)
		if err != nil {
			return err
		}
		if len(v.Instructions)+len(v.Rows) == 0 {
			if asJSON {
				if err := a.encode(v); err != nil {
					return err
				}
			}
			if j == nil {
				return a.fail(exitFailed, "ui.nojournal", "dir", cfg.Process.StateDir)
			}
			return a.fail(exitFailed, "ui.where.unknown", "reference", clean(v.Reference))
		}
		if asJSON {
			return a.encode(v)
		}
		return a.printWhere(v, at)
	})
	c.Flags().BoolVar(&asJSON, "json", false, "")
	return a.localise(c)
}

// referenceOf turns an id that `rows` printed (r12, i7) into its reference; anything else is a reference already, and
// so is an id that nobody gave out.
func referenceOf(ctx context.Context, j *journal.Journal, text string) (string, error) {
	kind, id, err := connector.ParseID(text)
	if j == nil || err != nil {
		return text, nil
	}
	found := ""
	switch kind {
	case 'r':
		entries, err := j.EntriesOf(ctx, id)
		if err != nil {
			return "", err
		}
		if len(entries) > 0 {
			found = entries[0].Reference
		}
	case 'i':
		it, err := j.Item(ctx, id)
		if err != nil && !errors.Is(err, journal.ErrMissing) {
			return "", err
		}
		found = it.Lane
	}
	if found == "" {
		return text, nil
	}
	known, err := j.Where(ctx, text) // an ERP may number its invoices r12
	if err != nil || len(known) > 0 {
		return text, err
	}
	return found, nil
}

// whereOf gathers everything known of a reference, a transaction or a payment id. j may be nil.
func whereOf(ctx context.Context, j *journal.Journal, at clock, ref string) (whereView, error) {
	v := whereView{Reference: ref, Instructions: []instructionView{}, Rows: []rowView{}}
	if j == nil {
		return v, nil
	}
	items, err := j.Where(ctx, ref)
	if err != nil {
		return v, err
	}
	for i := range items {
		in, err := instructionOf(ctx, j, at, &items[i])
		if err != nil {
			return v, err
		}
		v.Instructions = append(v.Instructions, in)
	}
	rows, err := j.RowsOf(ctx, ref)
	for _, e := range rows {
		v.Rows = append(v.Rows, viewOf(e))
	}
	return v, err
}

func instructionOf(ctx context.Context, j *journal.Journal, at clock, it *journal.Item) (instructionView, error) {
	f, err := j.File(ctx, it.FileID)
	if err != nil {
		return instructionView{}, err
	}
	events, err := j.EventsOf(ctx, it.ID)
	if err != nil {
		return instructionView{}, err
	}
	deliveries, err := j.DeliveriesOf(ctx, it.FileID)
	if err != nil {
		return instructionView{}, err
	}
	told, err := statusFiles(ctx, j, it.Source.Flow, events)
	v := instructionView{ID: "i" + strconv.FormatInt(it.ID, 10), Row: "r" + strconv.FormatInt(it.RowID, 10), FileID: "f" + strconv.FormatInt(it.FileID, 10),
		Flow: it.Source.Flow, File: f.Name, Line: it.Source.Line, Kind: string(it.Kind), Operation: string(it.Operation), Reference: it.Reference, Part: it.Part,
		Revision: it.Revision, Amount: decimal(it.Amount), Currency: it.Amount.Currency, State: string(it.State), Code: it.Code, Message: it.Message,
		Paid: decimal(part(it.Amount, it.Paid)), Refunded: decimal(part(it.Amount, it.Refunded)),
		PaymentID: it.OwnPaymentID, TransactionID: it.OwnTransaction, Link: it.Link, ReceivedAt: at.stamp(f.ReceivedAt), SentAt: at.stamp(it.SentAt),
		Events: history(it, &f, events, at), Returns: writtenTo(deliveries, events, at), FileState: f.State, FileCode: f.Code, FileMessage: f.Message}
	for _, d := range told {
		v.Returns = append(v.Returns, viewReturn(d, at))
	}
	return v, err
}

// statusFiles lists the status files of a flow that tell of events.
func statusFiles(ctx context.Context, j *journal.Journal, flow string, events []journal.Event) (list []journal.Delivery, err error) {
	known, err := j.Flow(ctx, flow)
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		if n := len(list); !e.Tell || e.ID > known.StatusMark || n > 0 && list[n-1].FixedAt >= e.RecordedAt {
			continue
		}
		d, err := j.StatusFile(ctx, flow, e.RecordedAt)
		if errors.Is(err, journal.ErrMissing) { // the flow writes none
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, nil
}

// writtenTo lists the returns of a file that tell of one of its instructions: not the rejects, and of the returns of
// events those that were written behind one of its own. The kind of a mapping's own return begins with its moment.
func writtenTo(deliveries []journal.Delivery, events []journal.Event, at clock) []returnView {
	list := []returnView{}
	before := map[string]int64{} // by kind: when the one before was fixed
	for _, d := range deliveries {
		since := before[d.Kind]
		before[d.Kind] = d.FixedAt
		switch moment, _, _ := strings.Cut(d.Kind, ":"); moment {
		case "rejects":
			continue
		case "event", "settlement", "daily":
			if !slices.ContainsFunc(events, func(e journal.Event) bool { return e.RecordedAt > since && e.RecordedAt <= d.FixedAt }) {
				continue
			}
		}
		list = append(list, viewReturn(d, at))
	}
	return list
}

// history is what happened to an instruction in the order it became known. Being taken and being sent are states of
// the journal that no event tells; they come first and at their times.
func history(it *journal.Item, f *journal.File, events []journal.Event, at clock) []eventView {
	began := payment.Accepted
	if len(events) == 0 && it.State == payment.Held || len(events) > 0 && events[0].Previous == payment.Held {
		began = payment.Held
	}
	list := []eventView{{us: f.JudgedAt, Event: string(began), State: string(began)}}
	if len(events) == 0 && began == payment.Held {
		list[0].Code, list[0].Message = it.Code, it.Message
	}
	sent := it.SentAt == 0
	send := func() {
		sent = true
		list = append(list, eventView{us: it.SentAt, Event: string(payment.Sending), State: string(payment.Sending)})
	}
	for _, e := range events {
		if !sent && e.RecordedAt >= it.SentAt {
			send()
		}
		list = append(list, eventView{us: e.OccurredAt, Event: e.Word, State: string(e.State), Amount: decimal(e.Amount), Currency: e.Amount.Currency, Code: e.Code, Message: e.Reason, money: e.Amount})
	}
	if !sent {
		send()
	}
	for i := range list {
		list[i].At = at.stamp(list[i].us)
	}
	return list
}

// decimal writes an amount for scripts; "" for none.
func decimal(m payment.Amount) string {
	if m.IsZero() {
		return ""
	}
	return m.Decimal('.')
}

// part is some of an amount; none when it is nothing.
func part(m payment.Amount, minor int64) payment.Amount {
	if minor == 0 {
		return payment.Amount{}
	}
	return payment.Amount{Minor: minor, Currency: m.Currency}
}

func (a *app) printWhere(v whereView, at clock) error {
	a.printf("%s\n", clean(v.Reference))
	for i := range v.Instructions {
		row := v.Instructions[i].Row
		newest := !slices.ContainsFunc(v.Instructions[i+1:], func(later instructionView) bool { return later.Row == row && later.Part == v.Instructions[i].Part })
		if err := a.printInstruction(&v.Instructions[i], newest, at); err != nil {
			return err
		}
	}
	for _, r := range v.Rows {
		a.printf("\n%s\n", a.say("ui.where.row", "id", r.ID, "flow", r.Flow, "file", clean(r.File), "line", strconv.FormatInt(r.Line, 10), "state", a.state(r.State)))
		if r.Code != "" {
			a.printf("  %s %s\n", r.Code, clean(r.Message))
		}
	}
	return nil
}

// printInstruction shows one instruction; newest: nothing was sent in its place, so that it is the one to decide about.
func (a *app) printInstruction(in *instructionView, newest bool, at clock) error {
	a.printf("\n%s\n", a.headline(in))
	a.printf("  %s\n", a.say("ui.where.from", "flow", in.Flow, "file", clean(in.File), "file_id", in.FileID, "line", strconv.Itoa(in.Line), "row", in.Row))
	rows := [][]string{{"    " + at.reread(in.ReceivedAt), a.say("ui.where.received"), "", ""}}
	for _, e := range in.Events {
		said := a.state(e.State)
		if e.Event != e.State && e.Event != "" {
			said = a.event(e.Event)
		}
		what := strings.TrimSpace(a.money(e.money))
		why := strings.TrimSpace(e.Code + " " + e.Message)
		rows = append(rows, []string{"    " + at.read(e.us), said, what, why})
	}
	if err := a.table(rows); err != nil {
		return err
	}
	if in.PaymentID != "" || in.TransactionID != "" {
		a.printf("  %s\n", a.say("ui.where.ids", "payment", dash(clean(in.PaymentID)), "transaction", dash(clean(in.TransactionID))))
	}
	if in.Link != "" {
		a.printf("  %s\n", a.say("ui.where.link", "link", clean(in.Link)))
	}
	var written []string
	for _, r := range in.Returns {
		name := clean(r.Name)
		if r.State != "published" {
			name = a.say("ui.where.unpublished", "name", name)
		}
		written = append(written, name)
	}
	if written != nil {
		a.printf("  %s\n", a.say("ui.where.returns", "names", strings.Join(written, ", ")))
	}
	if in.FileState == journal.FileHeld && in.State == string(payment.Accepted) {
		a.printf("  %s\n  %s\n", a.say("ui.files.held", "id", in.FileID, "name", clean(in.File), "code", in.FileCode, "message", clean(in.FileMessage)), a.nextOfFile(in.FileID, in.FileCode))
	}
	if next := a.nextOfRow(in.Row, in.State, in.Code); newest && next != "" {
		a.printf("  %s\n", next)
	}
	return nil
}

// headline says what an instruction is and where it stands.
func (a *app) headline(in *instructionView) string {
	what := a.say("ui.kind.request")
	if in.Kind == string(payment.Operate) {
		what = a.say("ui.kind." + in.Operation)
	}
	if in.Part != "" {
		what = a.say("ui.where.part", "what", what, "part", clean(in.Part))
	}
	if in.Revision > 0 {
		what = a.say("ui.where.revision", "what", what, "revision", strconv.Itoa(in.Revision))
	}
	if in.Amount != "" {
		if m, err := payment.ParseDecimal(in.Amount, in.Currency); err == nil {
			what = a.say("ui.where.amount", "what", what, "amount", a.money(m))
		}
	}
	return a.say("ui.where.headline", "id", in.ID, "what", what, "state", a.state(in.State))
}

// state says a state in words, the word that commands take first where it differs.
func (a *app) state(s string) string {
	return a.word("ui.state.", s)
}

// event says an event word likewise.
func (a *app) event(w string) string { return a.word("ui.event.", w) }
