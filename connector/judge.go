package connector

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
	"github.com/navette-connect/navette/mappings"
)

// chunk is how many documents are staged, and how many instructions are held against what is known, at a time.
const chunk = 500

// layout is what a file's returns need to know of its source; it is kept with the file, so that a mapping changed later
// changes no answer.
type layout struct {
	Dialect mappings.Dialect `json:"dialect"`
	Head    mappings.Head    `json:"head"` // what stands above the data
	Locale  string           `json:"locale"`
	Parts   bool             `json:"parts,omitempty"` // its answers name the part of each row
}

// judge decides about a spooled file: every row of it, then the file, in one short transaction.
func (n *intake) judge(ctx context.Context, f journal.File) (journal.File, error) {
	if known, seen, err := n.j.Received(ctx, &f); err != nil {
		return f, err
	} else if seen {
		text := message.New("NV-1402.received", "date", n.day(known.ReceivedAt), "name", label(known.Name))
		return f, n.answerWhole(ctx, &f, journal.FileDuplicate, "NV-1402", n.say(text), nil)
	}
	if err := n.unstage(ctx, &f); err != nil {
		return f, err
	}
	src, err := n.spool.Open(f.SHA256)
	if err != nil {
		return f, err
	}
	defer src.Close()
	lay := layout{Dialect: n.flow.Mapping.Dialect(), Locale: n.flow.Mapping.Locale, Parts: n.flow.Mapping.Parted()}
	reading, err := n.fresh(n.flow).Open(mappings.Spooled{ReaderAt: src, Size: f.Size, Name: label(f.Name)},
		mappings.Env{File: label(f.Name), Flow: n.flow.Name, Today: n.now().In(n.location).Format("2006-01-02")})
	if err == nil {
		lay.Dialect, lay.Head = reading.Dialect(), reading.Head()
		err = n.stage(ctx, &f, reading)
	}
	var spoilt *mappings.FileError
	switch {
	case errors.As(err, &spoilt) && spoilt.Incomplete:
		if err := n.unstage(ctx, &f); err != nil {
			return f, err
		}
		deadline := f.ReceivedAt + n.flow.Patience.Microseconds()
		return f, n.hold(ctx, &f, spoilt.Problem.Code, spoilt.Problem.Text.In(lay.Locale), deadline)
	case errors.As(err, &spoilt):
		if err := n.unstage(ctx, &f); err != nil {
			return f, err
		}
		return f, n.answerWhole(ctx, &f, journal.FileRejected, spoilt.Problem.Code, spoilt.Problem.Text.In(lay.Locale), &lay)
	case err != nil:
		return f, err
	}
	return n.accept(ctx, f, reading, lay)
}

// unstage removes what an interrupted judgement staged: invisible rows, made again from the same bytes.
func (n *intake) unstage(ctx context.Context, f *journal.File) error {
	for {
		var removed int64
		err := n.j.Do(ctx, func(tx *journal.Tx) (err error) {
			removed, err = tx.Unstage(f.ID, 2000)
			return err
		})
		if err != nil || removed == 0 {
			return err
		}
	}
}

// stage reads the file and writes its documents, invisible, in chunks: memory does not know the file's length.
func (n *intake) stage(ctx context.Context, f *journal.File, reading *mappings.Reading) error {
	staged, held := make([]journal.Staged, 0, chunk), 0
	flush := func() error {
		if len(staged) == 0 {
			return nil
		}
		n.pulses.beat("intake:" + n.flow.Name)
		if err := n.fault("stage"); err != nil {
			return err
		}
		err := n.j.Do(ctx, func(tx *journal.Tx) error { return tx.Stage(f, staged) })
		clear(staged)
		staged, held = staged[:0], 0
		reading.Recycle() // all of it is in the journal
		return err
	}
	for doc, err := range reading.Documents(ctx) {
		if err != nil {
			return err
		}
		staged = append(staged, n.staged(f, doc))
		for i := range doc.Rows {
			held += 2*len(doc.Rows[i].Raw) + len(doc.Fields)
		}
		if len(staged) == chunk || held > pageBytes {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// staged turns what the mapping made of a document into what the journal keeps of it.
func (n *intake) staged(f *journal.File, doc *mappings.Document) journal.Staged {
	locale := n.flow.Mapping.Locale
	s := journal.Staged{Fields: doc.Fields}
	state, code, text := journal.RowAccepted, "", ""
	switch doc.State {
	case mappings.Rejected, mappings.Skipped:
		state = journal.RowRejected
		if doc.State == mappings.Skipped {
			state = journal.RowSkipped
		}
		code, text = mappings.Summary(doc.Problems, locale)
	default:
		if smuggled(doc) {
			state, code = journal.RowRejected, "NV-1209"
			text = message.New("NV-1209.control").In(locale)
		} else if unsupported := n.unsupported(doc); unsupported != nil {
			state, text = journal.RowRejected, unsupported.In(locale)
			code, _, _ = strings.Cut(unsupported.Key, ".")
		} else if doc.Hold != nil {
			state, s.Held = journal.RowHeld, true
			code, text = doc.Hold.Code, doc.Hold.Text.In(locale)
		}
	}
	text = oneLine(text)
	kind := string(doc.Operation)
	if doc.Kind == payment.Request {
		kind = string(payment.Request)
	}
	s.Rows = make([]journal.Row, len(doc.Rows))
	for i, r := range doc.Rows {
		s.Rows[i] = journal.Row{Line: int64(r.Line), Kind: kind, Reference: doc.Reference, Amount: doc.Amount, State: state, Code: code, Message: text, Raw: r.Raw}
	}
	if state == journal.RowRejected || state == journal.RowSkipped {
		return s
	}
	s.Instructions = doc.Instructions
	parts := make([]string, len(s.Instructions))
	for i := range s.Instructions {
		in := &s.Instructions[i]
		in.Account, in.Namespace, in.Source = f.Account, n.flow.Namespace, payment.Source{Flow: f.Flow, File: label(f.Name), Line: doc.Rows[0].Line}
		in.Key = payment.NewKey(in)
		parts[i] = in.Part
	}
	if len(parts) > 1 {
		slices.Sort(parts)
		s.Parts = strings.Join(parts, "|")
	}
	if len(s.Instructions) > 0 {
		s.Customer = &s.Instructions[0].Customer
	}
	return s
}

// smuggled tells whether what names a document holds control characters: they would reach terminals, logs and the PSP.
func smuggled(doc *mappings.Document) bool {
	for i := range doc.Instructions {
		in := &doc.Instructions[i]
		for _, s := range [...]string{in.Reference, in.Part, in.TransactionID, in.PaymentID, in.ERPKey} {
			if strings.ContainsFunc(s, unicode.IsControl) {
				return true
			}
		}
	}
	return false
}

// oneLine keeps a sentence that quotes a cell on one line.
func oneLine(s string) string {
	if !strings.ContainsFunc(s, unicode.IsControl) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

// unsupported tells what the gateway cannot do: refused at intake, not at sending.
func (n *intake) unsupported(doc *mappings.Document) *message.Text {
	for i := range doc.Instructions {
		in := &doc.Instructions[i]
		if in.Kind == payment.Request && n.flow.NoPage {
			t := message.New("NV-2010.missing", "gateway", n.flow.Gateway)
			return &t
		}
		if n.flow.Can == nil || n.flow.Can(in.Kind, in.Operation) {
			if n.flow.Fits != nil {
				if why := n.flow.Fits(in); why != nil {
					return why
				}
			}
			continue
		}
		t := message.New("NV-2002.request", "gateway", n.flow.Gateway)
		if in.Kind == payment.Operate {
			t = message.New("NV-2002.operation", "gateway", n.flow.Gateway, "operation", string(in.Operation))
		}
		return &t
	}
	return nil
}

// accept holds the staged rows against what is known and against the limits, writes the answer's bytes, and makes the
// file visible in one transaction.
func (n *intake) accept(ctx context.Context, f journal.File, reading *mappings.Reading, lay layout) (journal.File, error) {
	n.judging.Lock() // one file at a time is held against what is known, whatever its flow
	defer n.judging.Unlock()
	if err := n.order(ctx, &f); err != nil {
		return f, err
	}
	if failed := reading.Control(); len(failed) > 0 {
		_, text := mappings.Summary(failed, lay.Locale)
		return f, n.spoil(ctx, &f, failed[0].Code, text, text, lay, reading)
	}
	if err := n.known(ctx, &f); err != nil {
		return f, err
	}
	counts, err := n.j.CountRows(ctx, f.ID)
	if err != nil {
		return f, err
	}
	if n.flow.OnError == "reject_file" && counts[journal.RowRejected] > 0 {
		bad, err := n.j.FirstRejected(ctx, f.ID)
		if err != nil {
			return f, err
		}
		why := message.New("NV-1303.rows", "rejected", strconv.FormatInt(counts[journal.RowRejected], 10), "line", strconv.FormatInt(bad.Line, 10), "code", bad.Code) // no cell: the erasure of a person does not look here
		return f, n.spoil(ctx, &f, "NV-1303", "", why.In(lay.Locale), lay, reading)
	}
	if err := n.limitAmounts(ctx, &f); err != nil {
		return f, err
	}
	code, text, err := n.holdsFile(ctx, &f, int64(reading.Rows()))
	if err != nil {
		return f, err
	}
	f.Code, f.Message = code, text
	to := journal.FileAccepted
	if code != "" {
		to = journal.FileHeld
	}
	return f, n.publishIntake(ctx, &f, to, lay, int64(reading.Rows()), int64(reading.LeftOut()))
}

// order notes the lines of rows that documents have gathered, for returns go by line; other rows are staged in that order.
func (n *intake) order(ctx context.Context, f *journal.File) error {
	if !n.flow.Mapping.Gathers() {
		return nil
	}
	first, last, err := n.j.RowRange(ctx, f.ID)
	for after := first - 1; err == nil && first > 0 && after < last; after += 10 * chunk {
		n.pulses.beat("intake:" + n.flow.Name)
		err = n.j.Do(ctx, func(tx *journal.Tx) error { return tx.Order(f.ID, after, min(after+10*chunk, last)) })
	}
	return err
}

// spoil rejects a whole file whose rows were read: a control total failed, or reject_file. The good rows say NV-1303 and
// text; why is said of the file.
func (n *intake) spoil(ctx context.Context, f *journal.File, code, text, why string, lay layout, reading *mappings.Reading) error {
	good := message.New("NV-1303.good").In(lay.Locale)
	if text != "" {
		good += " | " + text
	}
	if err := n.j.Do(ctx, func(tx *journal.Tx) error { return tx.Spoil(f, "NV-1303", good) }); err != nil {
		return err
	}
	f.Code, f.Message = code, why
	return n.publishIntake(ctx, f, journal.FileRejected, lay, int64(reading.Rows()), int64(reading.LeftOut()))
}

// known applies contract §4a to the staged instructions, chunk by chunk.
func (n *intake) known(ctx context.Context, f *journal.File) error {
	first, last, err := n.j.StagedRange(ctx, f.ID)
	if err != nil || first == 0 {
		return err
	}
	p := policy{flow: f.Flow, account: f.Account, namespace: n.flow.Namespace, onKnown: n.flow.OnKnown, onEnded: n.flow.OnEnded,
		differs: func(id, known int64) string { return n.differs(ctx, id, known) }}
	for after := first - 1; after < last; after += chunk {
		n.pulses.beat("intake:" + n.flow.Name)
		matches, err := n.j.Matches(ctx, f, after, min(after+chunk, last))
		if err != nil {
			return err
		}
		verdicts := map[int64]journal.Verdict{}
		ranks := map[int64]int{}
		var order []int64
		for i := 0; i < len(matches); {
			k := i
			for k < len(matches) && matches[k].ID == matches[i].ID {
				k++
			}
			d, any := judgeParts(p, matches[i:k])
			if !any {
				i = k
				continue
			}
			if d.replace && matches[i].KnownPart != "" { // a document of several requests is not replaced in part
				d = finding{state: journal.RowRejected, code: "NV-1403", text: message.New("NV-1403.differs", "reference", matches[i].Reference, "fields", p.differs(matches[i].ID, d.known))}
			}
			document := matches[i].RowID
			if at, ok := ranks[document]; !ok || d.rank() > at {
				if !ok {
					order = append(order, document)
				}
				ranks[document] = d.rank()
				verdicts[document] = journal.Verdict{Document: document, State: d.state, Code: d.code, Message: n.say(d.text), Again: d.again, RevisionOf: d.known, Replaces: d.replace}
			}
			i = k
		}
		list := make([]journal.Verdict, len(order))
		for i, d := range order {
			list[i] = verdicts[d]
		}
		if len(list) > 0 {
			if err := n.j.Do(ctx, func(tx *journal.Tx) error { return tx.Judge(f, list) }); err != nil {
				return err
			}
		}
		if err := n.targets(ctx, f, after, min(after+chunk, last)); err != nil {
			return err
		}
	}
	return nil
}

// answerWhole ends a file that is refused or a duplicate: one ack of one row.
func (n *intake) answerWhole(ctx context.Context, f *journal.File, state, code, text string, lay *layout) error {
	if lay == nil {
		lay = &layout{Dialect: n.flow.Mapping.Dialect(), Locale: n.flow.Mapping.Locale}
	}
	f.Code, f.Message = code, text
	return n.publishIntake(ctx, f, state, *lay, 0, 0)
}

// refuse answers a held file as refused: its patience is over, or a person says so.
func (n *intake) refuse(ctx context.Context, f *journal.File, code, text string) error {
	return n.answerWhole(ctx, f, journal.FileRejected, code, text, nil)
}

// publishIntake fixes the answers of the intake and, in one transaction, the file's state with them.
func (n *intake) publishIntake(ctx context.Context, f *journal.File, to string, lay layout, rows, leftOut int64) error {
	from := f.State
	dir := n.flow.Done
	if to == journal.FileRejected {
		dir = n.flow.Rejected
	}
	moved, err := n.archive(ctx, *f, dir)
	if err != nil {
		return err
	}
	*f = moved
	counts, err := n.j.CountRows(ctx, f.ID)
	if err != nil {
		return err
	}
	f.Rows, f.LeftOut = rows, leftOut
	f.Accepted, f.Held, f.Rejected, f.Skipped, f.DuplicateRows = counts[journal.RowAccepted], counts[journal.RowHeld], counts[journal.RowRejected], counts[journal.RowSkipped], counts[journal.RowDuplicate]
	encoded, err := json.Marshal(lay)
	if err != nil {
		return err
	}
	f.Layout, f.State = encoded, to
	answers, err := n.intakeReturns(ctx, n.flow, f, lay)
	defer func() { n.release(answers) }()
	if err != nil {
		f.State = from
		return err
	}
	if to == journal.FileRejected && f.Place != "" {
		a, err := n.notice(ctx, n.flow, f, lay.Locale)
		if err != nil {
			f.State = from
			return err
		}
		answers = append(answers, a)
	}
	if err := n.fault("accept"); err != nil {
		f.State = from
		return err
	}
	fixed := to != journal.FileAccepted && to != journal.FileHeld || !slices.Contains(n.flow.Returns, "result")
	given := ""
	err = n.j.Do(ctx, func(tx *journal.Tx) error { // may run twice: f is changed only behind it
		named := *f
		if err := tx.Stem(&named, stem(f.Name)); err != nil {
			return err
		}
		given = named.Stem
		now := tx.Now
		if err := tx.SetFile(f.ID, []string{from}, "state", to, "code", f.Code, "message", f.Message, "layout", encoded, "mapping", n.flow.Mapping.Name+"@"+n.flow.Mapping.Hash(),
			"judged", 1, "judged_at", now, "deadline", now+n.flow.Patience.Microseconds(), "send_after", now+n.flow.Delay.Microseconds(), "result_fixed", fixed,
			"n_rows", rows, "n_left_out", leftOut, "n_accepted", f.Accepted, "n_held", f.Held, "n_rejected", f.Rejected, "n_skipped", f.Skipped, "n_duplicate", f.DuplicateRows); err != nil {
			return err
		}
		if err := tx.LookSoon(f.ID); err != nil {
			return err
		}
		if err := n.supersede(tx, f); err != nil {
			return err
		}
		if err := tx.Appear(f); err != nil {
			return err
		}
		if err := tx.SetFlow(f.Flow, "last_file_at", now); err != nil {
			return err
		}
		for _, a := range answers {
			if has, err := tx.HasDelivery(f.ID, a.Kind); err != nil {
				return err
			} else if has && a.Kind != "ack" {
				continue
			}
			if err := a.name(tx, given); err != nil {
				return err
			}
			if _, err := tx.AddDelivery(a.Delivery, numbered); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		f.State = from
		return err
	}
	f.Stem = given
	n.meter.file(f.Flow, to)
	n.meter.rows(f, string(n.flow.Mapping.Kind))
	n.log.Info().Str("event", "file."+to).Int64("file", f.ID).Str("code", f.Code).Int64("rows", rows).Int64("accepted", f.Accepted).Int64("held", f.Held).
		Int64("rejected", f.Rejected).Int64("skipped", f.Skipped).Int64("duplicate", f.DuplicateRows).Str("sha256", f.SHA256[:min(12, len(f.SHA256))]).Msg("file judged")
	n.stir()
	return nil
}

// supersede ends the incomplete files that came under this file's name before the whole of it did.
func (n *intake) supersede(tx *journal.Tx, f *journal.File) error {
	if f.State == journal.FileRejected {
		return nil
	}
	return tx.Supersede(f)
}
