package lyra

import (
	"strings"
	"time"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/payment"
)

// What is fact about the PSP stands here as data, so that a correction is a change of a row. Sources: the PSP's
// documentation and its public plug-ins. `unverified` marks what was only remembered or inferred, never seen in a page, in
// code or against an account.

// class is what an error code of the PSP means for the call that got it.
type class int

const (
	refusal class = iota + 1 // no effect, for good
	absent                   // there is no such object, or (an order) none of it yet
	already                  // what was asked is so already; believed after a read
	halt                     // nothing of this account can be sent until a person mends it
	busy                     // not taken: later
	doubt                    // technical: it may have acted
)

// rule is one row of the outcome table.
type rule struct {
	class      class
	nv         string
	later      bool // the same call may succeed another day: a person may `retry` it
	unverified bool
}

// codes is the outcome table by error code. A code that is missing: see ruleOf.
func codes() map[string]rule {
	const (
		no          = gateway.CodeRefused
		credentials = gateway.CodeCredentials
		address     = gateway.CodeAddress
		wait        = gateway.CodeBusy
		lost        = gateway.CodeLost
	)
	table := map[string]rule{
		"INT_905": {class: halt, nv: credentials}, // login or key
		"INT_901": {class: halt, nv: address},     // no such web service
		"PSP_100": {class: halt, nv: credentials}, // the offer has no REST web services
		"PSP_109": {class: halt, nv: credentials}, // production is not activated

		"INT_902": {class: refusal, nv: no}, // body
		"INT_009": {class: refusal, nv: no}, // amount
		"INT_015": {class: refusal, nv: no}, // customer's e-mail
		"INT_016": {class: refusal, nv: no}, // customer's reference
		"INT_030": {class: refusal, nv: no}, // token
		"INT_064": {class: refusal, nv: no}, // rule of a subscription
		"INT_069": {class: refusal, nv: no}, // its date

		"PSP_001": {class: refusal, nv: no, unverified: true},
		"PSP_002": {class: refusal, nv: no, unverified: true},
		"PSP_003": {class: refusal, nv: no},
		"PSP_010": {class: absent, nv: no},
		"PSP_011": {class: refusal, nv: no},                                                                                                                // not in this status
		"PSP_503": {class: refusal, nv: no},                                                                                                                // the same
		"PSP_015": {class: refusal, nv: no},                                                                                                                // too many results
		"PSP_030": {class: refusal, nv: no}, "PSP_031": {class: refusal, nv: no}, "PSP_561": {class: refusal, nv: no}, "PSP_607": {class: refusal, nv: no}, // token
		"PSP_032": {class: refusal, nv: no}, "PSP_033": {class: refusal, nv: no}, "PSP_563": {class: refusal, nv: no}, "PSP_564": {class: refusal, nv: no}, // subscription
		"PSP_565": {class: refusal, nv: no}, "PSP_566": {class: refusal, nv: no}, "PSP_567": {class: refusal, nv: no},
		"PSP_042": {class: refusal, nv: no, later: true}, // funds
		"PSP_075": {class: refusal, nv: no},              // captured: refund instead
		"PSP_076": {class: refusal, nv: no, later: true}, // not captured yet: cancel instead, or refund tomorrow
		"PSP_083": {class: refusal, nv: no},              // charged back
		"PSP_099": {class: busy, nv: wait}, "PSP_106": {class: busy, nv: wait},
		"PSP_101": {class: refusal, nv: no},                                                                                                                  // refund refused by the issuer
		"PSP_104": {class: already, nv: no},                                                                                                                  // refunded whole
		"PSP_105": {class: already, nv: no},                                                                                                                  // cancelled
		"PSP_108": {class: refusal, nv: no, later: true}, "PSP_136": {class: refusal, nv: no, later: true}, "PSP_649": {class: refusal, nv: no, later: true}, // session expired
		"PSP_112": {class: refusal, nv: no}, "PSP_202": {class: refusal, nv: no}, "PSP_508": {class: refusal, nv: no}, // card expired
		"PSP_510": {class: refusal, nv: no}, "PSP_511": {class: refusal, nv: no}, // beyond the remainder
		"PSP_539": {class: refusal, nv: no},              // 3-D Secure
		"PSP_610": {class: refusal, nv: no},              // no acceptance agreement for this amount, currency, mode
		"ACQ_001": {class: refusal, nv: no, later: true}, // the acquirer says why in the detail
		"INT_999": {class: doubt, nv: lost}, "ACQ_999": {class: doubt, nv: lost}, "AUTH_999": {class: doubt, nv: lost}, "PSP_999": {class: doubt, nv: lost},
	}
	for _, c := range strings.Fields("023 024 026 509 526 527 528 529 530 531 532 533 203 204 205 536") { // card data, fraud
		table["PSP_"+c] = rule{class: refusal, nv: no}
	}
	for _, c := range strings.Fields("513 514 515 516 525 538 540 541") { // technical
		table["PSP_"+c] = rule{class: doubt, nv: lost}
	}
	return table
}

// ruleOf gives the rule of a code. New codes may appear at any time: of the family that checks our own message (INT_) they
// are refusals, of every other family doubt.
func ruleOf(code string) rule {
	if r, ok := codes()[code]; ok {
		return r
	}
	if strings.HasPrefix(code, "INT_") {
		return rule{class: refusal, nv: gateway.CodeRefused, unverified: true}
	}
	return rule{class: doubt, nv: gateway.CodeLost, unverified: true}
}

// recent tells of a web service that older platforms do not have, as their documentation shows: missing (INT_901) it is
// refused for the one row that needs it, where any other stops the gateway.
func recent(service string) bool { return service == "Charge/PaymentOrder/Cancel" }

// orderStates gives the state of a payment order by its status. Paid is refined by its transactions.
func orderStates() map[string]payment.State {
	return map[string]payment.State{
		"RUNNING": payment.Open, "PAID": payment.Paid, "REFUSED": payment.Refused, "EXPIRED": payment.Expired,
		"CANCELED": payment.Cancelled, "CANCELLED": payment.Cancelled, // both spellings are met
	}
}

// stage is where a transaction stands, in the order in which a better one replaces a worse one.
type stage int

const (
	stageFailed    stage = iota + 1 // an attempt that came to nothing
	stageEnded                      // was good, and was cancelled or expired: no money moves
	stagePending                    // no decision yet
	stageValidate                   // authorised: waits for the merchant's validation
	stagePaid                       // will be captured by itself
	stageCaptured                   // remitted
	stageBroken                     // was authorised, and could not be remitted
	stageNoPayment                  // a verification: no money
)

// status is one row of the table of transaction statuses.
type status struct {
	stage      stage
	cancel     bool // the PSP cancels and updates it from here
	validate   bool // the PSP validates it from here
	unverified bool
}

// statuses is the table by detailedStatus.
func statuses() map[string]status {
	return map[string]status{
		"INITIAL":                           {stage: stagePending},
		"WAITING_FOR_PAYMENT":               {stage: stagePending},
		"UNDER_VERIFICATION":                {stage: stagePending},
		"SUSPENDED":                         {stage: stagePending},
		"PENDING":                           {stage: stagePending},
		"WAITING_AUTHORISATION":             {stage: stagePending, cancel: true}, // authorised on the eve of its capture
		"AUTHORISED_TO_VALIDATE":            {stage: stageValidate, cancel: true, validate: true},
		"WAITING_AUTHORISATION_TO_VALIDATE": {stage: stageValidate, cancel: true, validate: true},
		"PRE_AUTHORISED":                    {stage: stagePending, unverified: true},
		"AUTHORISED":                        {stage: stagePaid, cancel: true},
		"PARTIALLY_AUTHORISED":              {stage: stagePaid, unverified: true},
		"CAPTURED":                          {stage: stageCaptured},
		"ACCEPTED":                          {stage: stageNoPayment},
		"CAPTURE_FAILED":                    {stage: stageBroken},
		"CANCELLED":                         {stage: stageEnded},
		"CANCELED":                          {stage: stageEnded, unverified: true}, // the spelling of orders
		"EXPIRED":                           {stage: stageEnded},
		"REFUSED":                           {stage: stageFailed},
		"ERROR":                             {stage: stageFailed},
		"ABANDONED":                         {stage: stageFailed},
		"NOT_CREATED":                       {stage: stageFailed},
		"REFUND_TO_RETRY":                   {stage: stagePending},
	}
}

// methods gives the PSP's payment methods by the canonical field `method`. Anything in capitals passes as it is.
func methods() map[string]string {
	return map[string]string{"card": "CARDS", "sepa_debit": "SDD", "sdd": "SDD", "sepa_transfer": "IP_WIRE", "transfer": "IP_WIRE", "instant_transfer": "IP_WIRE_INST", "paypal": "PAYPAL"}
}

// locales gives the PSP's locale by language. Verified: fr and en; the others follow the same form.
func locales() map[string]string {
	return map[string]string{"fr": "fr_FR", "en": "en_GB", "de": "de_DE", "es": "es_ES", "it": "it_IT", "nl": "nl_NL", "pt": "pt_PT"}
}

// doubtfulCurrencies are those whose number of decimals the PSP's sources disagree about, or that it does not take:
// money is never guessed.
const doubtfulCurrencies = "KHR CNY IDR BHD"

// maxDelay is how many days a capture may be put off. Unverified.
const maxDelay = 365

// noneYetWait is how long an operation waits for the transaction of a paid order to be shown. That there is such a time at all
// is unverified.
const noneYetWait = 30 * time.Second

// duplicateFound says whether Transaction/Duplicate is known to honour the orderId it is given. The body of that call is
// unverified: as long as this is false, a duplicate that is not found under its reference is not believed to be absent.
const duplicateFound = false
