package main

import (
	"context"
	"errors"
	"hash/maphash"
	"io"
	"math"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
	"github.com/navette-connect/navette/mappings"
)

// sample is a file to be read with a mapping, as a flow would, without a journal and without sending anything.
type sample struct {
	name    string // as dropped
	src     io.ReaderAt
	size    int64 // bytes
	mapping *mappings.Mapping
	flow    *config.Flow // nil: the mapping alone
	can     func(payment.Kind, payment.Operation) bool
	fits    func(*payment.Instruction) *message.Text // what the PSP would not take of it; nil: nobody can say
	noPage  bool                                     // requests need a page that has no public address
	today   time.Time
	lang    string
	limit   int                                    // of findings shown; 0: all
	each    func(*mappings.Document, string) error // told of each document with its state; may be nil
	reached func(line int)                         // told now and then where the reading is; may be nil
}

// tally is what a file would become.
type tally struct {
	rows, leftOut                      int64
	accepted, held, rejected, skipped  int64
	total                              map[string]payment.Amount // by currency
	errors, holds, warnings, leftAside *findings
	unusable                           bool // nothing of it could be used
}

// progressRows is after how many documents a person is told that the reading goes on.
const progressRows = 50_000

// examiner reads one sample.
type examiner struct {
	*sample
	*tally
	hash  maphash.Hash
	first repeats
	over  map[string]limits
}

// limits are a flow's bounds in one currency, in minor units.
type limits struct{ amount, fourEyes, total int64 }

// examine reads the whole file. A file that cannot be used at all is told in the tally; the error is trouble of ours.
func (s *sample) examine(ctx context.Context) (*tally, error) {
	if s.size < sieveFrom || s.each != nil {
		return s.examineWith(ctx, maphash.MakeSeed(), &firstLines{})
	}
	seed, sieve := maphash.MakeSeed(), newSieve(s.size)
	t, err := s.examineWith(ctx, seed, sieve)
	sieve.settle()
	if len(sieve.suspects) == 0 || err != nil || t.unusable {
		return t, err
	}
	sieve.blocks = nil
	return s.examineWith(ctx, seed, suspected(sieve.suspects))
}

func newTally(limit int, lang string) *tally {
	return &tally{total: map[string]payment.Amount{}, errors: newFindings(limit, lang), holds: newFindings(limit, lang),
		warnings: newFindings(limit, lang), leftAside: newFindings(limit, lang)}
}

// examineWith is one reading of the file.
func (s *sample) examineWith(ctx context.Context, seed maphash.Seed, first repeats) (*tally, error) {
	t := newTally(s.limit, s.lang)
	e := &examiner{sample: s, tally: t, first: first, over: map[string]limits{}}
	e.hash.SetSeed(seed)
	err := e.read(ctx)
	var spoilt *mappings.FileError
	if errors.As(err, &spoilt) {
		// What was read before the fault counts for nothing: the file is refused whole.
		*t = *newTally(s.limit, s.lang)
		t.unusable = true
		t.errors.add(spoilt.Problem)
		err = nil
	}
	for _, f := range []*findings{t.errors, t.holds, t.warnings, t.leftAside} {
		f.share()
	}
	return t, err
}

func (e *examiner) read(ctx context.Context) error {
	env := mappings.Env{File: e.name, Today: e.today.Format("2006-01-02")}
	if e.flow != nil {
		env.Flow = e.flow.Name
	}
	reading, err := e.mapping.Open(mappings.Spooled{ReaderAt: e.src, Size: e.size, Name: e.name}, env)
	if err != nil {
		return err
	}
	read := 0
	for doc, err := range reading.Passing(ctx, runtime.GOMAXPROCS(0)) {
		if err != nil {
			return err
		}
		state, err := e.judge(doc)
		if err != nil {
			return err
		}
		if read++; e.reached != nil && read%progressRows == 0 {
			e.reached(doc.Rows[0].Line)
		}
		if e.each != nil {
			if err := e.each(doc, state); err != nil {
				return err
			}
		}
	}
	for _, p := range reading.Warnings() {
		e.warnings.add(p)
	}
	e.rows, e.leftOut = int64(reading.Rows()), int64(reading.LeftOut())
	return e.conclude(reading.Control())
}

// judge decides about one document in the contract's order: what the mapping says, what is known (here: of this file
// alone), hold rules, limits.
func (e *examiner) judge(doc *mappings.Document) (string, error) {
	switch doc.State {
	case mappings.Rejected:
		return e.reject(doc.Problems...), nil
	case mappings.Skipped:
		e.skipped++
		for _, p := range doc.Problems {
			e.leftAside.add(p)
		}
		return "skipped", nil
	}
	line := doc.Rows[0].Line
	for i := range doc.Instructions {
		in := &doc.Instructions[i]
		switch {
		case in.Kind == payment.Request && e.noPage:
			e.errors.say(line, "NV-2010.missing", "gateway", e.flow.Gateway)
		case e.can == nil || e.can(in.Kind, in.Operation):
			why := e.unfit(in)
			if why == nil {
				continue
			}
			e.errors.say(line, why.Key, why.Args...)
		case in.Kind == payment.Request:
			e.errors.say(line, "NV-2002.request", "gateway", e.flow.Gateway)
		default:
			e.errors.say(line, "NV-2002.operation", "gateway", e.flow.Gateway, "operation", string(in.Operation))
		}
		return e.reject(), nil
	}
	twin, repeated := e.repeats(doc)
	switch {
	case repeated:
		return e.reject(), nil
	case twin:
		return e.hold(doc), nil
	case doc.Hold != nil:
		e.holds.add(*doc.Hold)
		return e.hold(doc), nil
	}
	over, err := e.overLimit(doc)
	switch {
	case err != nil:
		return "", err
	case over:
		return e.hold(doc), nil
	}
	e.accepted++
	e.warn(doc)
	for i := range doc.Instructions {
		in := &doc.Instructions[i]
		if in.Amount.IsZero() {
			continue
		}
		if e.total[in.Amount.Currency], err = e.total[in.Amount.Currency].Add(in.Amount); err != nil {
			return "", err
		}
	}
	return "accepted", nil
}

func (e *examiner) reject(problems ...mappings.Problem) string {
	e.rejected++
	for _, p := range problems {
		e.errors.add(p)
	}
	return "rejected"
}

func (e *examiner) hold(doc *mappings.Document) string {
	e.held++
	e.warn(doc)
	return "held"
}

func (e *examiner) warn(doc *mappings.Document) {
	for _, p := range doc.Problems {
		e.warnings.add(p)
	}
}

// repeats notes every instruction of a document and tells whether one stood in the file before: repeated, it is
// rejected; twin, an operation without a key that looks like an earlier one is held.
func (e *examiner) repeats(doc *mappings.Document) (twin, repeated bool) {
	line := doc.Rows[0].Line
	for i := range doc.Instructions {
		in := &doc.Instructions[i]
		before := e.first.put(e.identity(in), line)
		if before == 0 {
			continue
		}
		at := strconv.Itoa(before)
		switch {
		case repeated || in.Kind == payment.Operate && in.Operation == payment.Consult && in.ERPKey == "":
		case in.Kind == payment.Operate && in.ERPKey == "":
			if !twin {
				e.holds.say(line, "NV-1404.twin", "line", at, "file", e.name)
			}
			twin = true
		case in.Kind == payment.Operate:
			e.errors.note(line, "", "", "NV-1401", "", in.ERPKey, message.New("NV-1401.key", "key", in.ERPKey, "line", at))
			repeated = true
		case in.Part != "":
			e.errors.note(line, "", "", "NV-1401", "", in.Reference, message.New("NV-1401.part", "reference", in.Reference, "part", in.Part, "line", at))
			repeated = true
		default:
			e.errors.note(line, "", "", "NV-1401", "", in.Reference, message.New("NV-1401.reference", "reference", in.Reference, "line", at))
			repeated = true
		}
	}
	return twin, repeated
}

// identity is a hash of what payment.Identity tells apart.
func (e *examiner) identity(in *payment.Instruction) uint64 {
	e.hash.Reset()
	if in.Kind == payment.Request { // as most are: without making the text
		e.hash.WriteByte(0)
		e.hash.WriteString(in.Reference)
		e.hash.WriteByte(0)
		e.hash.WriteString(in.Part)
	} else {
		e.hash.WriteString(payment.Identity(in))
	}
	return e.hash.Sum64()
}

// overLimit tells whether an instruction is above what the flow sends without a person.
func (e *examiner) overLimit(doc *mappings.Document) (bool, error) {
	if e.flow == nil {
		return false, nil
	}
	for i := range doc.Instructions {
		m := doc.Instructions[i].Amount
		if m.IsZero() {
			continue
		}
		l, err := e.limitsIn(m.Currency)
		if err != nil {
			return false, err
		}
		key, limit := "NV-1504.amount", l.amount
		if m.Minor <= limit {
			key, limit = "NV-1504.four_eyes", l.fourEyes
		}
		if m.Minor > limit {
			e.holds.say(doc.Rows[0].Line, key, "amount", money(m, e.lang), "limit", money(payment.Amount{Minor: limit, Currency: m.Currency}, e.lang))
			return true, nil
		}
	}
	return false, nil
}

// unfit asks the gateway what it would not take of an instruction.
func (e *examiner) unfit(in *payment.Instruction) *message.Text {
	if e.fits == nil {
		return nil
	}
	return e.fits(in)
}

// limitsIn gives the flow's bounds in a currency; what is not bounded is as large as can be.
func (e *examiner) limitsIn(currency string) (limits, error) {
	if l, known := e.over[currency]; known {
		return l, nil
	}
	l := limits{math.MaxInt64, math.MaxInt64, math.MaxInt64}
	for _, b := range []struct {
		text string
		to   *int64
	}{{e.flow.Limits.Amount, &l.amount}, {e.flow.FourEyes, &l.fourEyes}, {e.flow.Limits.Total, &l.total}} {
		if b.text == "" || b.text == "none" {
			continue
		}
		m, err := payment.ParseDecimal(b.text, currency)
		if err != nil {
			return l, err
		}
		*b.to = m.Minor
	}
	e.over[currency] = l
	return l, nil
}

// conclude decides about the file as a whole.
func (e *examiner) conclude(control []mappings.Problem) error {
	for _, p := range control {
		e.errors.add(p)
	}
	if len(control) > 0 || e.flow != nil && e.flow.OnError == "reject_file" && e.rejected > 0 {
		if e.accepted+e.held > 0 {
			e.errors.say(0, "NV-1303.good")
		}
		e.rejected += e.accepted + e.held
		e.accepted, e.held, e.total = 0, 0, map[string]payment.Amount{}
		return nil
	}
	if e.flow == nil {
		return nil
	}
	if l := e.flow.Limits.Bytes; l > 0 && e.size > l {
		e.holds.say(0, "NV-1504.bytes", "size", strconv.FormatInt(e.size, 10), "limit", strconv.FormatInt(l, 10))
	}
	if l := int64(e.flow.Limits.Rows); l > 0 && e.rows > l {
		e.holds.say(0, "NV-1504.rows", "rows", strconv.FormatInt(e.rows, 10), "limit", strconv.FormatInt(l, 10))
	}
	for currency, sum := range e.total {
		l, err := e.limitsIn(currency)
		if err != nil {
			return err
		}
		if sum.Minor > l.total {
			e.holds.say(0, "NV-1504.total", "total", money(sum, e.lang), "limit", money(payment.Amount{Minor: l.total, Currency: currency}, e.lang))
		}
	}
	return nil
}

// openPlain opens a plain file to be examined; a pipe would block.
func openPlain(path string) (*os.File, int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, errNotPlain
	}
	f, err := os.Open(path)
	return f, info.Size(), err
}

var errNotPlain = errors.New("not a plain file")
