package payment

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strconv"
	"strings"
)

var keyAlphabet = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// digest hashes length-prefixed fields, so that no two lists of fields collide whatever they hold.
func digest(domain string, fields ...string) string {
	var room [256]byte // hardly ever too little
	b := append(binary.BigEndian.AppendUint32(room[:0], uint32(len(domain))), domain...)
	for _, f := range fields {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(f))), f...)
	}
	sum := sha256.Sum256(b)
	var text [32]byte
	keyAlphabet.Encode(text[:], sum[:20])
	return string(text[:])
}

// NewKey gives the idempotency key of an instruction: 32 characters of [a-z2-7], a function of what the instruction is
// and never of the file it stood in, of time or of chance.
//
// Requests: (account, namespace, reference, part, revision). Operations: the ERP's own key where it gives one, else
// (operation, target with its part, amount, date); each with the revision, which only an explicit decision moves.
func NewKey(in *Instruction) string {
	rev := strconv.Itoa(in.Revision)
	if in.Kind == Request {
		return digest("navette/1/request", in.Account, in.Namespace, in.Reference, in.Part, rev)
	}
	return digest("navette/1/operation", in.Account, in.Namespace, Identity(in), rev)
}

// Identity says what an instruction *is*, apart from its values (contract §4a): two instructions of one account and
// namespace with the same identity are the same demand. It is readable, for journals and tests.
func Identity(in *Instruction) string {
	if in.Kind == Request {
		return join("r", in.Reference, in.Part)
	}
	if in.ERPKey != "" {
		return join("k", in.ERPKey)
	}
	amount := ""
	if !in.Amount.IsZero() {
		amount = in.Amount.String()
	}
	fields := []string{"o", string(in.Operation), in.TransactionID, in.PaymentID, in.Reference, amount, in.Date}
	if in.Part != "" {
		fields = append(fields, in.Part)
	}
	return join(fields...)
}

// join writes fields so that different lists give different texts: \ and | inside a field are escaped.
func join(fields ...string) string {
	var b strings.Builder
	for i, f := range fields {
		if i > 0 {
			b.WriteByte('|')
		}
		if strings.ContainsAny(f, `\|`) {
			f = strings.NewReplacer(`\`, `\\`, `|`, `\|`).Replace(f)
		}
		b.WriteString(f)
	}
	return b.String()
}

// Fingerprint is a digest of the values compared when an identity comes again (contract §4a): for a request amount,
// currency, due date, channel, e-mail, phone and the parts of its document as a set; for an operation all it asks.
func Fingerprint(in *Instruction, parts string) string {
	a := strconv.FormatInt(in.Amount.Minor, 10)
	if in.Kind == Request {
		return digest("navette/1/values", a, in.Amount.Currency, in.DueOn, in.Channel, in.Customer.Email, in.Customer.Phone, parts)
	}
	fields := []string{string(in.Operation), in.Reference, in.PaymentID, in.TransactionID, a, in.Amount.Currency, in.Date}
	if in.Part != "" {
		fields = append(fields, in.Part)
	}
	return digest("navette/1/values", fields...)
}
