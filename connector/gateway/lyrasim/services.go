package lyrasim

import (
	"net/mail"
	"strings"
	"time"
)

// refusal is an answer whose status is ERROR.
type refusal struct{ code, text, detailCode, detail string }

func no(code, text string) *refusal { return &refusal{code: code, text: text} }

// service is one web service.
type service struct {
	acts bool // it may have an effect
	run  func(p *PSP, c *call) (any, *refusal)
}

// services is the table of those that are simulated; any other name is INT_901, Transaction/Capture among them: it is for
// Brazil alone.
func services() map[string]service {
	return map[string]service{
		"Charge/SDKTest":             {false, (*PSP).sdkTest},
		"Charge/CreatePaymentOrder":  {true, (*PSP).createOrder},
		"Charge/PaymentOrder/Get":    {false, (*PSP).getOrder},
		"Charge/PaymentOrder/Update": {true, (*PSP).updateOrder},
		"Charge/PaymentOrder/Cancel": {true, (*PSP).cancelOrder},
		"Order/Get":                  {false, (*PSP).getByReference},
		"Transaction/Get":            {false, (*PSP).getTransaction},
		"Transaction/Validate":       {true, (*PSP).validate},
		"Transaction/Cancel":         {true, (*PSP).cancel},
		"Transaction/Update":         {true, (*PSP).update},
		"Transaction/Refund":         {true, (*PSP).refund},
		"Transaction/CancelOrRefund": {true, (*PSP).cancelOrRefund},
		"Transaction/Duplicate":      {true, (*PSP).duplicate},
	}
}

func (p *PSP) sdkTest(c *call) (any, *refusal) {
	return map[string]any{"value": c.in.Value, "_type": "V4/Charge/SDKTest"}, nil
}

// currencies that the simulated shop has an agreement for.
const currencies = " EUR XPF TND "

func amountOf(amount *int64, currency string) *refusal {
	if amount == nil || *amount <= 0 {
		return no("INT_009", "invalid amount")
	}
	if len(currency) != 3 || !strings.Contains(currencies, " "+currency+" ") {
		return &refusal{"PSP_610", "no acceptance agreement", "NO_ACCEPTANCE_AGREEMENT_AVAILABLE", currency}
	}
	return nil
}

func (p *PSP) createOrder(c *call) (any, *refusal) {
	in := &c.in
	if r := amountOf(in.Amount, in.Currency); r != nil {
		return nil, r
	}
	o := &order{amount: *in.Amount, currency: in.Currency, orderID: in.OrderID, status: "RUNNING", created: c.now, updated: c.now, expires: c.now.Add(orderLife), locale: in.Locale, channel: "URL", metadata: in.Metadata, mode: c.mode}
	if len(in.OrderID) > 64 {
		return nil, no("INT_902", "orderId is longer than 64 characters")
	}
	if r := p.channel(o, in); r != nil {
		return nil, r
	}
	if in.Expiration != "" {
		if r := expiry(o, in.Expiration, c.now); r != nil {
			return nil, r
		}
	}
	if cu := in.Customer; cu != nil {
		if _, err := mail.ParseAddress(cu.Email); cu.Email != "" && err != nil {
			return nil, no("INT_015", "invalid customer email")
		}
		if len(cu.Reference) > 80 {
			return nil, no("INT_016", "invalid customer reference")
		}
	}
	if t := in.Transaction; t != nil {
		switch t.Card.Validation {
		case "YES":
			o.manual = true
		case "", "NO":
		default:
			return nil, no("INT_902", "manualValidation is YES or NO")
		}
		if o.delay = t.Card.Delay; o.delay < 0 || o.delay > 365 {
			return nil, no("INT_902", "captureDelay")
		}
	}
	o.id = p.newID()
	o.url = c.base + "/pay/" + o.id
	p.orders[o.id] = o
	p.list = append(p.list, o)
	p.effected(c.key, c.name)
	p.expect(o)
	return p.showOrder(o), nil
}

func (p *PSP) channel(o *order, in *input) *refusal {
	if in.Channel.Type != "" {
		o.channel = in.Channel.Type
	}
	switch o.channel {
	case "URL":
	case "MAIL":
		m := in.Channel.Mail
		if m == nil {
			return no("INT_902", "mailOptions is missing")
		}
		if _, err := mail.ParseAddress(m.Recipient); err != nil || m.Subject == "" && m.Template == "" {
			return no("INT_902", "mailOptions needs a recipient, and a subject or a template")
		}
		o.recipient = m.Recipient
	case "SMS":
		if in.Channel.SMS == nil || in.Channel.SMS.Phone == "" {
			return no("INT_902", "smsOptions needs a phoneNumber")
		}
		o.phone = in.Channel.SMS.Phone
	case "WHATSAPP":
		if in.Channel.WhatsApp == nil || in.Channel.WhatsApp.Phone == "" {
			return no("INT_902", "whatsAppOptions needs a phoneNumber")
		}
	case "INVOICE":
		for _, other := range p.list {
			if other.channel == "INVOICE" && other.orderID == in.OrderID && other.mode == o.mode {
				return no("INT_902", "orderId is not unique")
			}
		}
		if in.OrderID == "" {
			return no("INT_902", "orderId is missing")
		}
	default:
		return no("INT_902", "unknown channelType")
	}
	return nil
}

func expiry(o *order, text string, now time.Time) *refusal {
	at, err := time.Parse(time.RFC3339, text)
	switch {
	case err != nil || len(text) != 25:
		return no("INT_902", "expirationDate is no date")
	case !at.After(now):
		return no("INT_902", "expirationDate is in the past")
	case at.Sub(now) > orderLife:
		return no("INT_902", "expirationDate is more than 90 days away")
	}
	o.expires = at.UTC()
	return nil
}

func (p *PSP) orderOf(c *call) (*order, *refusal) {
	o := p.orders[c.in.PaymentOrderID]
	if o == nil || o.mode != c.mode {
		return nil, no("PSP_010", "payment order not found")
	}
	return o, nil
}

func (p *PSP) getOrder(c *call) (any, *refusal) {
	o, r := p.orderOf(c)
	if r != nil {
		return nil, r
	}
	return p.showOrder(o), nil
}

func (p *PSP) updateOrder(c *call) (any, *refusal) {
	o, r := p.orderOf(c)
	if r != nil {
		return nil, r
	}
	if r := amountOf(c.in.Amount, c.in.Currency); r != nil {
		return nil, r
	}
	switch {
	case o.status != "RUNNING":
		return nil, no("PSP_503", "action not allowed in status "+o.status)
	case o.channel == "MAIL" && (c.in.Channel.Mail == nil || c.in.Channel.Mail.Recipient == ""), o.channel == "SMS" && (c.in.Channel.SMS == nil || c.in.Channel.SMS.Phone == ""):
		return nil, no("INT_902", "the channel's recipient is missing")
	case c.in.Channel.Type != "" && c.in.Channel.Type != o.channel:
		return nil, no("INT_902", "the channel cannot change")
	}
	if c.in.Expiration != "" {
		if r := expiry(o, c.in.Expiration, c.now); r != nil {
			return nil, r
		}
	}
	o.amount, o.currency, o.updated = *c.in.Amount, c.in.Currency, c.now
	p.effected(c.key, c.name)
	return p.showOrder(o), nil
}

func (p *PSP) cancelOrder(c *call) (any, *refusal) {
	o, r := p.orderOf(c)
	switch {
	case r != nil:
		return nil, r
	case o.status == "CANCELED":
		return nil, no("PSP_105", "already cancelled")
	case o.status != "RUNNING":
		return nil, no("PSP_503", "action not allowed in status "+o.status)
	}
	o.status, o.updated = "CANCELED", c.now
	p.effected(c.key, c.name)
	return p.showOrder(o), nil
}

func (p *PSP) getByReference(c *call) (any, *refusal) {
	var list []*transaction
	for _, t := range p.ofRef(c.in.OrderID, c.mode) {
		if c.in.OperationType == "" || c.in.OperationType == t.operation {
			list = append(list, t)
		}
	}
	switch {
	case len(list) == 0: // also when the order is there and nobody has tried to pay
		return nil, no("PSP_010", "transaction not found")
	case len(list) > 30:
		return nil, no("PSP_015", "too many results")
	}
	return p.showReference(c.in.OrderID, list), nil
}

func (p *PSP) txOf(c *call) (*transaction, *refusal) {
	t := p.txs[c.in.UUID]
	if t == nil || t.mode != c.mode {
		return nil, no("PSP_010", "transaction not found")
	}
	return t, nil
}

func (p *PSP) getTransaction(c *call) (any, *refusal) {
	t, r := p.txOf(c)
	if r != nil {
		return nil, r
	}
	return p.showTransaction(t), nil
}

func (p *PSP) validate(c *call) (any, *refusal) {
	t, r := p.txOf(c)
	if r != nil {
		return nil, r
	}
	rest, waits := strings.CutSuffix(t.detailed, "_TO_VALIDATE")
	if !waits {
		return nil, no("PSP_503", "action not allowed in status "+t.detailed)
	}
	t.detailed = rest
	if t.expected.Before(c.now) { // remitted this evening, not on one that is past
		t.expected = c.now
	}
	return p.changed(c, t), nil
}

// changed notes an effect on a transaction and shows it.
func (p *PSP) changed(c *call, t *transaction) any {
	p.effected(c.key, c.name)
	p.notify(t)
	return p.showTransaction(t)
}

func cancellable(t *transaction) bool {
	switch t.detailed {
	case "AUTHORISED", "AUTHORISED_TO_VALIDATE", "WAITING_AUTHORISATION", "WAITING_AUTHORISATION_TO_VALIDATE":
		return t.operation == "DEBIT"
	}
	return false
}

func (p *PSP) cancel(c *call) (any, *refusal) {
	t, r := p.txOf(c)
	switch {
	case r != nil:
		return nil, r
	case t.detailed == "CANCELLED":
		return nil, no("PSP_105", "transaction already cancelled")
	case t.detailed == "CAPTURED":
		return nil, no("PSP_075", "transaction captured: refund it")
	case !cancellable(t):
		return nil, no("PSP_503", "action not allowed in status "+t.detailed)
	}
	t.detailed = "CANCELLED"
	return p.changed(c, t), nil
}

func (p *PSP) update(c *call) (any, *refusal) {
	t, r := p.txOf(c)
	if r != nil {
		return nil, r
	}
	u := c.in.Card
	if u == nil {
		return nil, no("INT_902", "cardUpdate is missing")
	}
	if r := amountOf(u.Amount, u.Currency); r != nil {
		return nil, r
	}
	switch {
	case !cancellable(t):
		return nil, no("PSP_011", "action not allowed in status "+t.detailed)
	case *u.Amount > t.amount || u.Currency != t.currency:
		return nil, no("PSP_510", "amount too high")
	}
	same := *u.Amount == t.amount
	if u.Expected != "" {
		at, err := time.Parse(time.RFC3339, u.Expected)
		if err != nil || at.Before(c.now.Add(-24*time.Hour)) {
			return nil, no("INT_069", "invalid date")
		}
		same = same && at.Equal(t.expected)
		t.expected = at.UTC()
	}
	t.amount = *u.Amount
	if same {
		return p.showTransaction(t), nil
	}
	return p.changed(c, t), nil
}

func (p *PSP) refund(c *call) (any, *refusal) {
	t, r := p.txOf(c)
	if r != nil {
		return nil, r
	}
	if r := amountOf(c.in.Amount, c.in.Currency); r != nil {
		return nil, r
	}
	switch {
	case t.operation != "DEBIT" || t.detailed != "CAPTURED" && !cancellable(t):
		return nil, no("PSP_503", "action not allowed in status "+t.detailed)
	case t.detailed != "CAPTURED":
		return nil, no("PSP_076", "refund not available: the transaction is not captured, cancel it")
	case t.chargedBack:
		return nil, no("PSP_083", "an unpaid transaction cannot be refunded")
	case t.refunded >= t.amount:
		return nil, no("PSP_104", "transaction already refunded")
	case *c.in.Amount > t.amount || c.in.Currency != t.currency:
		return nil, no("PSP_510", "refund amount too high")
	case *c.in.Amount > t.amount-t.refunded:
		return nil, no("PSP_511", "refund amount above the remainder")
	}
	t.refunded += *c.in.Amount
	credit := p.add(&transaction{orderID: t.orderID, order: t.order, method: t.method, brand: t.brand, operation: "CREDIT", detailed: "AUTHORISED", parent: t.uuid, amount: *c.in.Amount, total: t.total,
		currency: t.currency, created: c.now, expected: c.now, metadata: t.metadata, comment: c.in.Comment, mode: t.mode})
	return p.changed(c, credit), nil
}

func (p *PSP) cancelOrRefund(c *call) (any, *refusal) {
	t, r := p.txOf(c)
	if r != nil {
		return nil, r
	}
	switch mode := c.in.Resolution; {
	case mode == "CANCELLATION_ONLY", (mode == "" || mode == "AUTO") && cancellable(t):
		return p.cancel(c)
	case mode == "", mode == "AUTO", mode == "REFUND_ONLY":
		return p.refund(c)
	}
	return nil, no("INT_902", "unknown resolutionMode")
}

func (p *PSP) duplicate(c *call) (any, *refusal) {
	t, r := p.txOf(c)
	if r != nil {
		return nil, r
	}
	if r := amountOf(c.in.Amount, c.in.Currency); r != nil {
		return nil, r
	}
	switch t.detailed {
	case "REFUSED", "ERROR", "ABANDONED", "ACCEPTED":
		return nil, no("PSP_503", "action not allowed in status "+t.detailed)
	}
	id := t.orderID
	if p.opts.Shows.OwnOrderID && c.in.OrderID != "" {
		id = c.in.OrderID
	}
	twin := p.add(&transaction{orderID: id, method: t.method, brand: t.brand, operation: "DEBIT", detailed: "AUTHORISED", amount: *c.in.Amount, total: *c.in.Amount, currency: c.in.Currency,
		created: c.now, expected: c.now, comment: c.in.Comment, mode: t.mode})
	return p.changed(c, twin), nil
}
