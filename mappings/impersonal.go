package mappings

import (
	"bytes"
	"slices"
)

// Impersonal takes what may be personal out of a document's kept fields: what stays are the names by which the accounts
// and the PSP know a payment, amounts of money, and yes or no. Returns written later find the rest empty. Fields that
// cannot be read become none.
func Impersonal(fields []byte) []byte {
	if len(fields) == 0 {
		return nil
	}
	r := &keptReader{b: fields}
	if r.kind() != keptVersion {
		return nil
	}
	kept := []byte{keptVersion}
	for len(r.b) > 0 && !r.bad {
		from := r.b
		switch kind := r.kind(); kind {
		case keptLine:
			r.uvarint0()
		case keptCell:
			r.text()
			r.text()
		case keptMark:
			r.uvarint0()
			r.uvarint0()
			r.text()
		default:
			name, v := r.entry(kind)
			n, number := v.(*num)
			_, truth := v.(bool)
			if !r.bad && (truth || number && n.currency != "" || slices.Contains(impersonal(), name)) {
				kept = append(kept, from[:len(from)-len(r.b)]...)
			}
		}
	}
	if r.bad {
		return nil
	}
	return kept
}

// impersonal are the fields that name a payment and not who pays it.
func impersonal() []string {
	return []string{"reference", "part", "amount", "currency", "due_on", "issued_on", "expires_on", "channel", "method", "operation", "transaction_id", "key", "date", "kind",
		"capture.mode", "capture.delay_days", "schedule.on", "schedule.due"}
}

// Impersonal is the head without the lines that stand above its titles: letterheads, authors of exports.
func (h Head) Impersonal() Head {
	if len(h.Bytes) == 0 {
		return h
	}
	var mark []byte
	for _, m := range [][]byte{{0xEF, 0xBB, 0xBF}, {0xFF, 0xFE}, {0xFE, 0xFF}} {
		if bytes.HasPrefix(h.Bytes, m) {
			mark = m
			break
		}
	}
	if h.Length == 0 || h.At+h.Length > len(h.Bytes) { // no titles
		h.Bytes, h.At = slices.Clone(mark), 0
		return h
	}
	from := max(h.At, len(mark))
	h.Length -= from - h.At
	h.Bytes, h.At = slices.Concat(mark, h.Bytes[from:]), len(mark)
	return h
}
