package lyra

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/payment"
)

// order is a payment order as the PSP answers it. That it shows its metadata and its transactions is unverified: both are
// used where they come, and asked for elsewhere where they do not.
type order struct {
	ID           loose          `json:"paymentOrderId"`
	Status       loose          `json:"paymentOrderStatus"`
	URL          loose          `json:"paymentURL"`
	Amount       *int64         `json:"amount"`
	Currency     string         `json:"currency"`
	OrderID      loose          `json:"orderId"`
	Updated      loose          `json:"updateDate"`
	Created      loose          `json:"creationDate"`
	Channel      channelDetails `json:"channelDetails"`
	Metadata     map[string]any `json:"metadata"`
	Transactions []transaction  `json:"transactions"`
}

type channelDetails struct {
	Type loose `json:"channelType"`
	Mail struct {
		Recipient loose `json:"recipient"`
	} `json:"mailDetails"`
	SMS struct {
		Phone loose `json:"phoneNumber"`
	} `json:"smsDetails"`
}

// transaction is what is read of one.
type transaction struct {
	UUID           loose          `json:"uuid"`
	PaymentOrderID loose          `json:"paymentOrderId"`
	Amount         *int64         `json:"amount"`
	Currency       string         `json:"currency"`
	Method         loose          `json:"paymentMethodType"`
	Detailed       loose          `json:"detailedStatus"`
	Operation      loose          `json:"operationType"`
	Created        loose          `json:"creationDate"`
	Code           loose          `json:"errorCode"`
	Message        loose          `json:"errorMessage"`
	DetailCode     loose          `json:"detailedErrorCode"`
	Detail         loose          `json:"detailedErrorMessage"`
	Comment        loose          `json:"comment"`
	Metadata       map[string]any `json:"metadata"`
	Order          struct {
		ID       loose  `json:"orderId"`
		Total    *int64 `json:"orderTotalAmount"`
		Currency string `json:"orderCurrency"`
	} `json:"orderDetails"`
	Details struct {
		Parent loose `json:"parentTransactionUuid"`
		Card   struct {
			Brand      loose `json:"effectiveBrand"`
			Validation loose `json:"manualValidation"`
			Capture    struct {
				Date     loose  `json:"captureDate"`
				Refunded *int64 `json:"refundAmount"`
			} `json:"captureResponse"`
			Expected loose `json:"expectedCaptureDate"`
		} `json:"cardDetails"`
	} `json:"transactionDetails"`
}

// orderTransactions is the answer of Order/Get.
type orderTransactions struct {
	Details struct {
		ID loose `json:"orderId"`
	} `json:"orderDetails"`
	Transactions []transaction `json:"transactions"`
}

func (l *orderTransactions) orderID() loose {
	if l.Details.ID != "" || len(l.Transactions) == 0 {
		return l.Details.ID
	}
	return l.Transactions[0].Order.ID
}

// asked is the order's amount as its transactions tell it; zero when they do not.
func (l *orderTransactions) asked(of []transaction) (payment.Amount, error) {
	for _, t := range of {
		if t.Order.Total != nil {
			return exact(t.Order.Total, t.Order.Currency)
		}
	}
	return payment.Amount{}, nil
}

func (o *order) sum() (payment.Amount, error) { return exact(o.Amount, o.Currency) }

func (t *transaction) sum() (payment.Amount, error) { return exact(t.Amount, t.Currency) }

func (t *transaction) debit() bool { return t.Operation == "DEBIT" }

// exact reads an amount; money that is not clear spoils the answer.
func exact(minor *int64, currency string) (payment.Amount, error) {
	if minor == nil && currency == "" {
		return payment.Amount{}, nil
	}
	if minor == nil || *minor < 0 {
		return payment.Amount{}, errors.New("an amount that is none")
	}
	if _, err := payment.Exponent(currency); err != nil {
		return payment.Amount{}, errors.New("an amount in an unknown currency")
	}
	return payment.Amount{Minor: *minor, Currency: currency}, nil
}

// stampOf is the key that an order's metadata, repeated on its transactions, carries.
func stampOf(metadata map[string]any) string {
	s, _ := metadata[stamp].(string)
	return s
}

// stamped keeps the transactions that carry a key.
func stamped(list []transaction, key string) []transaction {
	return slices.DeleteFunc(slices.Clone(list), func(t transaction) bool { return stampOf(t.Metadata) != key })
}

// ordered asks for the transactions of an order's reference.
func (g *Gateway) ordered(ctx context.Context, orderID string, missing error) (*orderTransactions, error) {
	var list orderTransactions
	err := g.read(ctx, "Order/Get", encode(map[string]string{"orderId": orderID}), &list, missing)
	return &list, err
}

func (g *Gateway) order(ctx context.Context, id string, missing error) (*order, error) {
	var o order
	err := g.read(ctx, "Charge/PaymentOrder/Get", encode(map[string]string{"paymentOrderId": id}), &o, missing)
	return &o, err
}

func (g *Gateway) transaction(ctx context.Context, uuid string, missing error) (*transaction, error) {
	var t transaction
	err := g.read(ctx, "Transaction/Get", encode(map[string]string{"uuid": uuid}), &t, missing)
	return &t, err
}

// foundPrefix begins the id of an order that was found by its transactions alone: the PSP's own id of it is not known.
const foundPrefix = "order/"

func foundID(orderID, key string) string { return foundPrefix + orderID + "/" + key }

// Read gives the payment order in.PaymentID as it stands now. payment.ErrUnknown: the PSP does not know it;
// payment.ErrStopped: as for Submit; after any other error it may be tried again.
func (g *Gateway) Read(ctx context.Context, in *payment.Instruction) (payment.Snapshot, error) {
	if rest, ok := strings.CutPrefix(in.PaymentID, foundPrefix); ok {
		orderID, key, _ := strings.Cut(rest, "/")
		list, err := g.ordered(ctx, orderID, payment.ErrUnknown)
		if err != nil {
			return payment.Snapshot{}, err
		}
		o := order{ID: loose(in.PaymentID), Status: "PAID", Transactions: withCredits(list.Transactions, stamped(list.Transactions, key))}
		sum, err := list.asked(o.Transactions)
		if err == nil {
			o.Amount, o.Currency = &sum.Minor, sum.Currency
		}
		return g.snapshot(&o)
	}
	if in.PaymentID == "" {
		return payment.Snapshot{}, gateway.Unsupported("a read needs the PSP's id")
	}
	o, err := g.order(ctx, in.PaymentID, payment.ErrUnknown)
	if err != nil {
		return payment.Snapshot{}, err
	}
	paid := o.Status == "PAID" // then: what became of the money, captures and refunds
	if !paid && (o.Status != "RUNNING" && o.Status != "REFUSED" || o.Transactions != nil) {
		return g.snapshot(o)
	}
	list, err := g.ordered(ctx, string(o.OrderID), payment.ErrUncertain)
	switch {
	case err == nil:
		own := ofOrder(o, list.Transactions)
		if paid && len(own) == 0 {
			_, err = g.unreadable(in, "a paid order without a transaction of its own")
			return payment.Snapshot{}, err
		}
		o.Transactions = own
	case isNothing(err) && !paid: // nobody has tried to pay yet
	case o.Status == "REFUSED" && gateway.CodeOf(err) == gateway.CodeUnsupported: // refused all the same; why, cannot be asked
	case len(o.Transactions) > 0 && errors.Is(err, payment.ErrUncertain): // the order's own list must do
	default:
		return payment.Snapshot{}, err
	}
	return g.snapshot(o)
}

// ofOrder finds an order's own among the transactions of its reference, which another order may share: by its id, by the
// list the order itself gives, or by the stamp. Where nothing tells them apart they must all be of one stamp.
func ofOrder(o *order, list []transaction) []transaction {
	own, key := map[loose]bool{}, stampOf(o.Metadata)
	for _, t := range o.Transactions {
		own[t.UUID] = true
	}
	if len(own) == 0 && key == "" {
		stamps := map[string]bool{}
		for _, t := range list {
			if s := stampOf(t.Metadata); s != "" && (t.PaymentOrderID == "" || t.PaymentOrderID == o.ID) {
				key = s
				stamps[s] = true
			}
		}
		if len(stamps) > 1 {
			key = ""
		}
	}
	return withCredits(list, slices.DeleteFunc(slices.Clone(list), func(t transaction) bool {
		switch {
		case own[t.UUID]:
			return false
		case t.PaymentOrderID != "":
			return t.PaymentOrderID != o.ID
		}
		return key == "" || stampOf(t.Metadata) != key
	}))
}

// withCredits adds the refunds of the transactions that are kept.
func withCredits(list, keep []transaction) []transaction {
	has := map[loose]bool{}
	for _, t := range keep {
		has[t.UUID] = true
	}
	for _, t := range list {
		if t.Operation == "CREDIT" && t.Details.Parent != "" && has[t.Details.Parent] && !has[t.UUID] {
			keep = append(keep, t)
			has[t.UUID] = true
		}
	}
	return keep
}

// snapshot says where an order stands by its status and its transactions.
func (g *Gateway) snapshot(o *order) (payment.Snapshot, error) {
	bad := func(why string) (payment.Snapshot, error) {
		_, err := g.unreadable(&payment.Instruction{}, why)
		return payment.Snapshot{}, err
	}
	state, known := orderStates()[string(o.Status)]
	if !known {
		return bad("payment order status " + string(o.Status) + " is unknown")
	}
	asked, err := o.sum()
	if err != nil {
		return bad(err.Error())
	}
	s := payment.Snapshot{PaymentID: g.id(o.ID), State: state, Amount: asked, Link: g.id(o.URL), UpdatedAt: instant(o.Updated)}
	m, err := count(o.Transactions, asked.Currency)
	if err != nil {
		return bad(err.Error())
	}
	for _, t := range o.Transactions {
		if t.debit() && t.UUID != "" && statuses()[string(t.Detailed)].stage == stageFailed {
			f := fault{t.Code, t.Message, t.DetailCode, t.Detail}
			if f.Code == "" {
				f.Code = t.Detailed
			}
			s.Failed = append(s.Failed, payment.Attempt{ID: g.id(t.UUID), Reason: g.client.Clean(f.words()), At: instant(t.Created)})
		}
	}
	slices.SortStableFunc(s.Failed, func(a, b payment.Attempt) int { return a.At.Compare(b.At) })
	if m.last != nil {
		s.TransactionID, s.Method = g.id(m.last.UUID), g.word(m.last.method())
		if at := instant(m.last.Created); at.After(s.UpdatedAt) {
			s.UpdatedAt = at
		}
	}
	if state != payment.Paid && (state != payment.Open || m.in == 0 && m.by[stageValidate] == 0) {
		return s, nil
	}
	s.State = m.state()
	if m.in > 0 && asked.Currency != "" {
		s.Paid = payment.Amount{Minor: m.in - m.back, Currency: asked.Currency}
		if state == payment.Open && m.in < asked.Minor && (s.State == payment.Paid || s.State == payment.Settled) {
			s.State = payment.PartiallyPaid // the order still waits for the rest
		}
	}
	return s, nil
}

// money is what the transactions of an order amount to.
type money struct {
	in, back int64 // minor units: what is paid (with what was paid and voided), what went back
	captured int64 // of in
	voided   int64 // of back: cancelled before its capture
	lapsed   int   // of by[stageEnded]: those whose time ran out
	by       map[stage]int
	last     *transaction
}

// count adds the transactions up. A status nobody knows, or another currency, makes the whole unreadable: money is not
// guessed.
func count(list []transaction, currency string) (m money, err error) {
	m.by = map[stage]int{}
	listed, told := map[loose]int64{}, map[loose]int64{} // refunds by debit: the credits, and what the debit says itself
	for i := range list {
		t := &list[i]
		st, known := statuses()[string(t.Detailed)]
		if !known {
			return m, errors.New("transaction status " + string(t.Detailed) + " is unknown")
		}
		sum, err := t.sum()
		if err != nil || sum.Currency != currency && currency != "" {
			return m, errors.New("a transaction whose amount cannot be read")
		}
		switch {
		case t.Operation == "CREDIT":
			switch st.stage {
			case stagePaid, stageCaptured:
				listed[t.Details.Parent] += sum.Minor
			}
			continue
		case !t.debit():
			continue
		}
		m.by[st.stage]++
		switch st.stage {
		case stagePaid:
			m.in += sum.Minor
		case stageCaptured:
			m.in, m.captured = m.in+sum.Minor, m.captured+sum.Minor
			if r := t.Details.Card.Capture.Refunded; r != nil {
				told[t.UUID] = *r
			}
		case stageEnded:
			if t.Detailed == "EXPIRED" {
				m.lapsed++
			}
			if t.Details.Card.Validation == "NO" && t.Detailed != "EXPIRED" {
				m.in, m.voided = m.in+sum.Minor, m.voided+sum.Minor
			}
		}
		if m.last == nil || better(st.stage, t, m.last) {
			m.last = t
		}
	}
	m.back = m.voided
	for id, r := range listed {
		told[id] = max(told[id], r)
	}
	for _, r := range told {
		m.back += r
	}
	m.back = min(m.back, m.in)
	return m, nil
}

// better tells whether a transaction says more of an order than the one chosen so far: the better stage, then the later.
func better(st stage, t, than *transaction) bool {
	other := statuses()[string(than.Detailed)].stage
	if st != other {
		return st > other
	}
	return !instant(t.Created).Before(instant(than.Created))
}

// state of a request by the money: an attempt that failed leaves it open.
func (m *money) state() payment.State {
	live := m.in - m.voided
	switch {
	case m.by[stageBroken] > 0 && live == 0: // contradicts what was told as paid: an alarm, not a state of money
		return payment.Refused
	case m.in > 0 && m.back >= m.in:
		return payment.Refunded
	case m.back > m.voided:
		return payment.PartiallyRefunded
	case live > 0 && live == m.captured && m.by[stageValidate] == 0 && m.by[stagePaid] == 0:
		return payment.Settled
	case live > 0:
		return payment.Paid
	case m.by[stageValidate] > 0:
		return payment.Authorised
	case m.by[stagePending] > 0 || m.by[stageNoPayment] > 0:
		return payment.Open
	case m.by[stageEnded] > m.lapsed:
		return payment.Cancelled
	case m.lapsed > 0: // nobody validated it in time, or the money never came
		return payment.Expired
	}
	return payment.Open
}

func (t *transaction) method() loose {
	if b := t.Details.Card.Brand; b != "" {
		return b
	}
	return t.Method
}

// instant reads an RFC 3339 time, zero if it is none.
func instant(s loose) time.Time {
	t, err := time.Parse(time.RFC3339, string(s))
	if err != nil {
		return time.Time{}
	}
	return t
}
