package lyra

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
)

// stamp is the name under which an order's metadata carries the instruction's key; the PSP repeats it on transactions.
const stamp = "navette_key"

// The bodies of calls. Each is a function of the instruction (and of what was read just before) alone: the order of the
// fields is theirs here, and metadata is written by name.
type (
	orderRequest struct {
		Amount       int64             `json:"amount"`
		Currency     string            `json:"currency"`
		OrderID      string            `json:"orderId"`
		Channel      channelOptions    `json:"channelOptions"`
		Expiration   string            `json:"expirationDate,omitempty"`
		Locale       string            `json:"locale,omitempty"`
		Description  string            `json:"description,omitempty"`
		ReceiptEmail string            `json:"paymentReceiptEmail,omitempty"`
		Form         string            `json:"formAction"`
		Transaction  *transactionRules `json:"transactionOptions,omitempty"`
		Methods      []string          `json:"paymentMethods,omitempty"`
		Customer     *customer         `json:"customer,omitempty"`
		Metadata     map[string]string `json:"metadata"`
	}
	channelOptions struct {
		Type string       `json:"channelType"`
		Mail *mailOptions `json:"mailOptions,omitempty"`
		SMS  *smsOptions  `json:"smsOptions,omitempty"`
	}
	mailOptions struct {
		Recipient string `json:"recipient"`
		Subject   string `json:"subject,omitempty"`
	}
	smsOptions struct {
		Phone   string `json:"phoneNumber"`
		Message string `json:"message,omitempty"`
	}
	transactionRules struct {
		Card cardOptions `json:"cardOptions"`
	}
	cardOptions struct {
		Validation string `json:"manualValidation,omitempty"`
		Delay      int    `json:"captureDelay"`
	}
	customer struct {
		Email     string  `json:"email,omitempty"`
		Reference string  `json:"reference,omitempty"`
		Billing   billing `json:"billingDetails"`
	}
	billing struct {
		Category string `json:"category,omitempty"`
		Last     string `json:"lastName,omitempty"`
		Legal    string `json:"legalName,omitempty"`
		Phone    string `json:"cellPhoneNumber,omitempty"`
		Address  string `json:"address,omitempty"`
		Address2 string `json:"address2,omitempty"`
		Zip      string `json:"zipCode,omitempty"`
		City     string `json:"city,omitempty"`
		State    string `json:"state,omitempty"`
		Country  string `json:"country,omitempty"`
		Language string `json:"language,omitempty"`
	}
)

// orderBody is the body of Charge/CreatePaymentOrder.
func orderBody(in *payment.Instruction) []byte {
	r := orderRequest{Amount: in.Amount.Minor, Currency: in.Amount.Currency, OrderID: OrderID(in), Description: in.Label, Form: "PAYMENT",
		Locale: locales()[in.Customer.Language], Metadata: map[string]string{}}
	for _, p := range in.Metadata {
		r.Metadata[p.Name] = p.Value
	}
	r.Metadata[stamp] = in.Key
	subject := in.Label
	if subject == "" {
		subject = in.Reference
	}
	switch in.Channel {
	case "email":
		r.Channel = channelOptions{Type: "MAIL", Mail: &mailOptions{Recipient: in.Customer.Email, Subject: subject}}
	case "sms":
		r.Channel = channelOptions{Type: "SMS", SMS: &smsOptions{Phone: in.Customer.Phone, Message: in.Label}}
	default:
		r.Channel = channelOptions{Type: "URL"}
	}
	if in.ExpiresOn != "" { // to the end of that day, whatever the zone the customer reads it in
		r.Expiration = in.ExpiresOn + "T23:59:59+00:00"
	}
	if in.Customer.Email != "" {
		r.ReceiptEmail = in.Customer.Email
	}
	if m, ok := method(in.Method); ok && m != "" {
		r.Methods = []string{m}
	}
	switch in.Capture.Mode {
	case "manual":
		r.Transaction = &transactionRules{cardOptions{"YES", in.Capture.DelayDays}}
	case "deferred":
		r.Transaction = &transactionRules{cardOptions{"NO", in.Capture.DelayDays}}
	}
	r.Customer = customerBody(&in.Customer)
	return encode(r)
}

func customerBody(c *payment.Customer) *customer {
	b := billing{Phone: c.Phone, Language: c.Language}
	switch {
	case c.SIREN != "":
		b.Category, b.Legal = "COMPANY", c.Name
	default:
		b.Last = c.Name
	}
	for _, p := range c.Address {
		switch p.Name {
		case "line1":
			b.Address = p.Value
		case "line2":
			b.Address2 = p.Value
		case "zip":
			b.Zip = p.Value
		case "city":
			b.City = p.Value
		case "state":
			b.State = p.Value
		case "country":
			b.Country = p.Value
		}
	}
	out := &customer{Email: c.Email, Reference: c.ID, Billing: b}
	if *out == (customer{}) {
		return nil
	}
	return out
}

// method gives the PSP's word for a payment method; false when there is none.
func method(m string) (string, bool) {
	if m == "" {
		return "", true
	}
	if known, ok := methods()[strings.ToLower(m)]; ok {
		return known, true
	}
	return m, len(m) >= 2 && strings.Trim(m, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}

// OrderID is the reference of an instruction's payment order, at most 64 letters, digits and hyphens. The ERP's own where
// it is the whole identity; else with the part and the beginning of the key behind it, so that two orders never share one.
func OrderID(in *payment.Instruction) string {
	if plain(in.Reference) && in.Kind == payment.Request && in.Part == "" && in.Revision == 0 && in.Namespace == "" {
		return in.Reference
	}
	tail := ""
	if in.Part != "" {
		tail = "-" + cut(sanitised(in.Part), 16)
	}
	tail += "-" + cut(in.Key, 10)
	return cut(sanitised(in.Reference), maxOrderID-len(tail)) + tail
}

// plain tells whether a reference can be an order's as it is.
func plain(s string) bool { return s != "" && len(s) <= maxOrderID && sanitised(s) == s }

func sanitised(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'A' && r <= 'Z', r >= 'a' && r <= 'z', r == '-':
			return r
		}
		return '-'
	}, s)
}

func cut(s string, most int) string { return s[:min(len(s), most)] }

// comment is what the Back Office shows beside an operation: a person finds there what a look-up cannot.
func comment(in *payment.Instruction) string {
	return strings.TrimSpace("navette " + in.Key + " " + in.Reason)
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil { // texts and numbers only
		return []byte("null")
	}
	return b
}

// Fits says what the PSP would not take of an instruction, before anything is sent; nil: nothing is known against it.
func (g *Gateway) Fits(in *payment.Instruction) *message.Text {
	switch {
	case !in.Amount.IsZero() && strings.Contains(doubtfulCurrencies, in.Amount.Currency):
		return g.say("NV-2002.currency", "currency", in.Amount.Currency)
	case !in.Amount.IsZero() && in.Amount.Minor <= 0, in.Kind == payment.Request && in.Amount.IsZero():
		return g.say("NV-2002.amount")
	case in.Kind == payment.Operate && in.TransactionID == "" && in.PaymentID == "" && in.Reference == "":
		return g.say("NV-2002.target")
	case in.Kind == payment.Operate && in.Operation == payment.Modify && in.Amount.IsZero() && in.Date == "":
		return g.say("NV-2002.modify")
	case in.Kind == payment.Operate:
		return nil
	case in.Channel == "email" && in.Customer.Email == "":
		return g.say("NV-2002.email")
	case in.Channel == "sms" && in.Customer.Phone == "":
		return g.say("NV-2002.phone")
	}
	switch in.Channel {
	case "", "email", "sms", "link", "none":
	default:
		return g.say("NV-2002.channel", "channel", in.Channel)
	}
	if _, ok := method(in.Method); !ok {
		return g.say("NV-2002.method", "method", in.Method)
	}
	if d := in.Capture.DelayDays; d < 0 || d > maxDelay {
		return g.say("NV-2002.delay_beyond", "days", strconv.Itoa(maxDelay))
	}
	if end, ok := lastMoment(in); !ok || end.Sub(g.now()) > MaxExpiry {
		return g.say("NV-2002.expiry", "date", in.ExpiresOn, "days", "90")
	}
	return nil
}

// lastMoment is when a request's day of expiry ends, as its order says it; the zero time when it names none.
func lastMoment(in *payment.Instruction) (time.Time, bool) {
	if in.ExpiresOn == "" {
		return time.Time{}, true
	}
	day, err := time.Parse(time.DateOnly, in.ExpiresOn)
	return day.Add(24*time.Hour - time.Second), err == nil
}

func (g *Gateway) say(key string, args ...string) *message.Text {
	t := message.New(key, append(args, "gateway", g.name)...)
	return &t
}
