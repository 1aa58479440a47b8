package connector

import (
	"strconv"
	"strings"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
)

// finding is what is decided of one staged instruction by what is known (contract §4a).
type finding struct {
	state   string // journal.Row…; RowAccepted: it goes on
	code    string
	text    message.Text
	again   bool  // as the next revision: a key of its own
	known   int64 // what it is a revision of
	replace bool  // the known one, open and unpaid, is to be cancelled first
}

// policy is what a flow says about things seen before.
type policy struct {
	flow, account, namespace string
	onKnown, onEnded         string
	// differs says which values of two instructions differ, in the language of the flow.
	differs func(id, known int64) string
}

// rank orders findings: the worst of a document's instructions decides for all.
func (f finding) rank() int {
	switch f.state {
	case journal.RowRejected:
		return 3
	case journal.RowHeld:
		return 2
	case journal.RowDuplicate:
		return 1
	}
	return 0
}

// judgeParts decides for one staged instruction. Where a reference is known whole and comes in parts, or the other way
// round, the debt would be asked for twice: rejected, unless nothing of what is known can be paid any more. any is false
// when nothing speaks for or against it.
func judgeParts(p policy, matches []journal.Match) (f finding, any bool) {
	var same []journal.Match
	for _, m := range matches {
		if m.Part == m.KnownPart {
			same = append(same, m)
			continue
		}
		switch m.KnownState {
		case payment.Refused, payment.Expired, payment.Cancelled:
			continue
		}
		if !m.SameFile {
			if f, elsewhere := fromElsewhere(p, m); elsewhere {
				return f, true
			}
		}
		named := func(part string) message.Text {
			if part == "" {
				return message.New("NV-1403.whole")
			}
			return message.Literal(part, part)
		}
		return finding{state: journal.RowRejected, code: "NV-1403", text: message.New("NV-1403.parts", "reference", m.Reference, "known.fr", named(m.KnownPart).In("fr"), "known.en", named(m.KnownPart).In("en"),
			"now.fr", named(m.Part).In("fr"), "now.en", named(m.Part).In("en"))}, true
	}
	if len(same) == 0 {
		return finding{}, false
	}
	return judgeKnown(p, same), true
}

// judgeKnown decides for one staged instruction; matches are all that is known of its identity, oldest first.
func judgeKnown(p policy, matches []journal.Match) finding {
	f := judgeNewest(p, matches)
	if f.state == journal.RowAccepted && matches[0].Kind == payment.Request {
		for _, k := range matches { // what ended here may still be asked for elsewhere
			if held, elsewhere := fromElsewhere(p, k); elsewhere && !ended(k.KnownState) {
				held.known = f.known
				return held
			}
		}
	}
	return f
}

// ended tells that nothing is asked for any more, and nothing was paid.
func ended(s payment.State) bool {
	return s == payment.Refused || s == payment.Expired || s == payment.Cancelled
}

// judgeNewest decides by the newest that is known.
func judgeNewest(p policy, matches []journal.Match) finding {
	m := matches[len(matches)-1]
	for _, k := range matches {
		if k.SameFile {
			m = k // the first of this file explains best
			break
		}
	}
	line := strconv.FormatInt(m.KnownLine, 10)
	if m.Kind == payment.Operate {
		return judgeOperation(p, m, line)
	}
	if m.SameFile {
		text := message.New("NV-1401.reference", "reference", m.Reference, "line", line)
		if m.KnownPart != "" {
			text = message.New("NV-1401.part", "reference", m.Reference, "part", m.KnownPart, "line", line)
		}
		return finding{state: journal.RowRejected, code: "NV-1401", text: text}
	}
	if f, elsewhere := fromElsewhere(p, m); elsewhere {
		return f
	}
	same := m.Fingerprint == m.KnownFingerprint
	changed := finding{state: journal.RowRejected, code: "NV-1403"}
	already := finding{state: journal.RowDuplicate, code: "NV-1405", text: message.New("NV-1405.same", "reference", m.Reference, "state", string(m.KnownState))}
	if !same {
		changed.text = message.New("NV-1403.differs", "reference", m.Reference, "fields", p.differs(m.ID, m.KnownID))
	}
	if p.onKnown == "reject" {
		already.state = journal.RowRejected
	}
	if !same {
		for _, k := range matches[:len(matches)-1] {
			if k.Fingerprint == k.KnownFingerprint {
				return finding{state: journal.RowHeld, code: "NV-1404", text: message.New("NV-1404.older", "reference", m.Reference), again: true, known: m.KnownID}
			}
		}
	}
	anew := finding{state: journal.RowAccepted, again: true, known: m.KnownID}
	switch m.KnownState {
	case payment.Refused:
		switch {
		case p.onKnown == "reject":
			return pick(same, already, changed)
		case same:
			key := "NV-1405.refused"
			if m.KnownCode == "NV-2003" {
				key = "NV-1405.closed"
			}
			already.text = message.New(key, "reference", m.Reference, "reason", m.KnownMessage)
			return already
		}
		return anew
	case payment.Expired, payment.Cancelled:
		switch {
		case p.onKnown == "reject":
			return pick(same, already, changed)
		case !same || p.onEnded == "renew":
			return anew
		}
		return already
	case payment.Open:
		if !same && p.onKnown == "replace_unpaid" {
			anew.replace = true
			return anew
		}
	}
	return pick(same, already, changed)
}

// fromElsewhere holds what is known from another flow (but for a shared namespace) or on another account.
func fromElsewhere(p policy, m journal.Match) (finding, bool) {
	switch {
	case m.KnownFlow != p.flow && p.namespace == "":
		return finding{state: journal.RowHeld, code: "NV-1404", text: message.New("NV-1404.flow", "reference", m.Reference, "flow", m.KnownFlow), again: true, known: m.KnownID}, true
	case m.KnownAccount != p.account:
		return finding{state: journal.RowHeld, code: "NV-1404", text: message.New("NV-1404.account", "reference", m.Reference, "account", m.KnownAccount), again: true, known: m.KnownID}, true
	}
	return finding{}, false
}

func judgeOperation(p policy, m journal.Match, line string) finding {
	key := strings.TrimPrefix(m.KnownIdentity, "k|")
	switch {
	case m.Keyed && m.SameFile:
		return finding{state: journal.RowRejected, code: "NV-1401", text: message.New("NV-1401.key", "key", key, "line", line)}
	case m.Keyed:
		if f, elsewhere := fromElsewhere(p, m); elsewhere {
			return f
		}
		if m.Fingerprint != m.KnownFingerprint {
			return finding{state: journal.RowRejected, code: "NV-1403", text: message.New("NV-1403.key", "key", key, "fields", p.differs(m.ID, m.KnownID))}
		}
		already := finding{state: journal.RowDuplicate, code: "NV-1405", text: message.New("NV-1405.key", "key", key, "state", string(m.KnownState))}
		if p.onKnown == "reject" {
			already.state = journal.RowRejected
		}
		return already
	case m.Operation == payment.Consult:
		return finding{state: journal.RowAccepted, again: true, known: m.KnownID}
	}
	// The twin, should a person release it, is an act of its own: the next revision, another key.
	return finding{state: journal.RowHeld, code: "NV-1404", text: message.New("NV-1404.twin", "line", line, "file", m.KnownFile), again: true, known: m.KnownID}
}

func pick(same bool, yes, no finding) finding {
	if same {
		return yes
	}
	return no
}
