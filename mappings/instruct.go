package mappings

import (
	"encoding/binary"
	"strings"

	"github.com/navette-connect/navette/connector/payment"
)

func appendUvarint(b []byte, n int) []byte { return binary.AppendUvarint(b, uint64(n)) }

// instruct fills an instruction from the values of the row.
func (r *Reading) instruct(doc *Document, in *payment.Instruction) {
	in.Kind, in.Operation = doc.Kind, doc.Operation
	in.Reference, in.Amount = doc.Reference, doc.Amount
	in.Source = payment.Source{Flow: r.env.Flow, File: r.env.File, Line: doc.Rows[0].Line}
	if n := r.m.pairs; n+r.m.address > 0 {
		pairs := r.pairs(n + r.m.address)
		in.Metadata, in.Customer.Address = pairs[:0:n], pairs[n:n]
	}
	if doc.Kind == payment.Request {
		in.Channel = "link" // writing to customers must be asked for
	}
	for _, f := range r.m.known {
		if v := &r.row.values[f.index]; v.state == present {
			f.put(in, v)
		}
	}
	if len(in.Metadata) == 0 {
		in.Metadata = nil
	}
	if len(in.Customer.Address) == 0 {
		in.Customer.Address = nil
	}
	if doc.Kind == payment.Operate { // what only requests have
		in.Channel = ""
	} else {
		in.TransactionID, in.ERPKey, in.Date, in.Reason = "", "", "", ""
	}
}

// put sets what a canonical field stands for.
func (f *field) put(in *payment.Instruction, v *value) {
	text := v.plain()
	switch f.set {
	case setPart:
		in.Part = text
	case setDueOn:
		in.DueOn = text
	case setIssuedOn:
		in.IssuedOn = text
	case setExpiresOn:
		in.ExpiresOn = text
	case setLabel:
		in.Label = text
	case setChannel:
		in.Channel = text
	case setMethod:
		in.Method = text
	case setShop:
		in.Shop = text
	case setCustomerID:
		in.Customer.ID = text
	case setCustomerName:
		in.Customer.Name = text
	case setCustomerEmail:
		in.Customer.Email = text
	case setCustomerPhone:
		in.Customer.Phone = text
	case setCustomerLanguage:
		in.Customer.Language = text
	case setCustomerSIREN:
		in.Customer.SIREN = text
	case setAddress:
		in.Customer.Address = append(in.Customer.Address, payment.Pair{Name: f.key, Value: text})
	case setCaptureMode:
		in.Capture.Mode = text
	case setCaptureDelay:
		if v.number != nil {
			in.Capture.DelayDays = int(v.number.d.IntPart())
		}
	case setTransaction:
		in.TransactionID = text
	case setKey:
		in.ERPKey = text
	case setDate:
		in.Date = text
	case setReason:
		in.Reason = text
	case setMetadata:
		in.Metadata = append(in.Metadata, payment.Pair{Name: f.key, Value: text})
	}
}

// plain is a value as a text.
func (v *value) plain() string {
	switch {
	case v.isList:
		parts := make([]string, len(v.list))
		for i := range v.list {
			parts[i] = v.list[i].plain()
		}
		return strings.Join(parts, ", ")
	case v.amount.Currency != "":
		return v.amount.Decimal('.')
	case v.number != nil:
		return v.number.text()
	}
	return v.text
}
