package sips

import (
	"time"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/payment"
)

// meaning is what a responseCode means for what was asked.
type meaning int

const (
	accepted  meaning = iota + 1
	refused           // finally
	young             // the transaction is not known, perhaps not yet: Sips writes its records a little later
	doubt             // it may have acted: consult
	busy              // it did not act: later
	lookLater         // later, and consult before
	stop              // nothing can be sent until a person mends something
	ours              // the reference is taken, perhaps by ourselves: consult
)

// answerCode is one line of the table of responseCodes (Office, Benelux integration guide as public clients quote it).
// A code that is in no line is doubt.
type answerCode struct {
	code    string
	meaning meaning
	nv      string
}

func answerCodes() []answerCode {
	const no = gateway.CodeRefused
	return []answerCode{
		{"00", accepted, ""},
		{"02", refused, no}, // call issuer
		{"03", refused, no}, // distance-selling contract
		{"05", refused, no},
		{"12", refused, no},
		{"14", refused, no},
		{"17", refused, no},
		{"24", refused, no}, // not in this status
		{"25", young, no},
		{"30", refused, no},
		{"34", stop, gateway.CodeCredentials}, // a wrong seal (M); of a duplicate: suspicion of fraud, see fraud
		{"40", refused, gateway.CodeUnsupported},
		{"51", refused, no},
		{"54", refused, no},
		{"60", doubt, gateway.CodeLost},
		{"63", refused, no},
		{"75", refused, no},
		{"90", busy, gateway.CodeBusy},
		{"94", ours, no},
		{"97", doubt, gateway.CodeLost},
		{"99", lookLater, gateway.CodeBusy},
	}
}

// status is one line of the table of transactionStatus.
type status struct {
	name  string
	state payment.State // of the request; Open: under way, nothing to tell yet
	dead  bool          // the attempt failed for good: the customer may try again
}

func statuses() []status {
	return []status{
		{name: "TO_CAPTURE", state: payment.Paid}, // accepted; remitted by night without an act of ours
		{name: "CAPTURED", state: payment.Paid},
		{name: "TO_VALIDATE", state: payment.Authorised},
		{name: "CREDITED", state: payment.Refunded},
		{name: "TO_CREDIT", state: payment.Refunded},
		{name: "CANCELLED", state: payment.Cancelled},
		{name: "EXPIRED", state: payment.Expired},
		{name: "TO_AUTHORIZE", state: payment.Open},
		{name: "TO_CHALLENGE", state: payment.Open},
		{name: "TO_CONFIRM_AUTHOR", state: payment.Open},
		{name: "TO_CONFIRM_CAPTURE", state: payment.Open},
		{name: "TO_CONFIRM_CREDIT", state: payment.Paid},
		{name: "REFUSED", state: payment.Open, dead: true},
		// Unverified (M): names from memory.
		{name: "TO_REPLAY", state: payment.Open},
		{name: "ABORTED", state: payment.Open, dead: true},
	}
}

// Unverified (M, I): how long Sips may take to know a transaction, the hours (of Paris) without operations, the days a
// transaction waits for its validation when the row says none, and the length of an orderId.
const (
	lag            = 2 * time.Minute
	lagWait        = 15 * time.Second
	closesAt       = 22
	opensAt        = 23
	validationDays = 6
	maxOrderID     = 32
	maxCaptureDay  = 99
	maxReference   = 35              // of a transactionReference: AN35, verified
	maxAmount      = 999_999_999_999 // minor units: N12
)

// currencies are the ISO 4217 numbers that Sips names currencies by.
func currencies() map[string]string {
	return map[string]string{"EUR": "978", "USD": "840", "GBP": "826", "CHF": "756", "CAD": "124", "AUD": "036", "JPY": "392", "SEK": "752", "NOK": "578",
		"DKK": "208", "PLN": "985", "CZK": "203", "HUF": "348", "RON": "946", "BGN": "975", "ISK": "352", "TRY": "949", "CNY": "156", "HKD": "344", "SGD": "702",
		"KRW": "410", "INR": "356", "BRL": "986", "MXN": "484", "ZAR": "710", "NZD": "554", "MAD": "504", "TND": "788", "DZD": "012", "XPF": "953", "XOF": "952",
		"XAF": "950", "AED": "784", "SAR": "682", "QAR": "634", "KWD": "414", "BHD": "048", "THB": "764", "TWD": "901", "UAH": "980", "ILS": "376"}
}
