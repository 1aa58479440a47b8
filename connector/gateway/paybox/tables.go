package paybox

import (
	"strings"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/payment"
)

// types gives the TYPE of each operation (nexylan/paybox-direct RequestInterface, BenMorel/Paybox request classes).
// Not offered: duplicate (00053), which needs the card kept as a subscriber.
var types = map[payment.Operation]string{
	payment.Capture: "00002",
	payment.Cancel:  "00005",
	payment.Modify:  "00013",
	payment.Refund:  "00014",
	payment.Consult: "00017",
}

const (
	typeExists  = "00011" // is there a transaction of this amount and REFERENCE?
	typeInquiry = "00017"
	version     = "00104" // Paybox Direct Plus, which includes Paybox Direct
)

// meaning is what a CODEREPONSE says of an operation. The zero value is doubt: what nobody classified may have acted.
type meaning int

const (
	doubtful   meaning = iota
	done               // 00000
	already            // it was done before
	waiting            // taken, and not finished
	no                 // refused, finally
	otherHost          // could not be done here: the other host may
	numberUsed         // this question number came before today
	noAccess           // account, signature or version: a person mends
	absent             // there is no such transaction
)

// code is the NV code of a meaning, "" where the outcome has none.
func (m meaning) code() string {
	switch m {
	case no, absent:
		return gateway.CodeRefused
	case otherHost:
		return gateway.CodeBusy
	case numberUsed, doubtful:
		return gateway.CodeLost
	case noAccess:
		return gateway.CodeCredentials
	}
	return ""
}

// retryable tells whether the instruction is sent again by itself, after a look-up.
func (m meaning) retryable() bool { return m == otherHost || m == noAccess }

// codes is CODEREPONSE (BenMorel/Paybox PayboxDirectResponse; the Dolibarr module for e-transactions). 001xx is the
// issuer's refusal, but for those named.
var codes = map[string]meaning{
	"00000": done,
	"00001": otherHost,  // no connection to the authorisation centre, or an internal error: try the second host
	"00002": no,         // coherence
	"00003": otherHost,  // Paybox error: try the second host
	"00004": no,         // card number or CVV
	"00005": numberUsed, // question number
	"00006": noAccess,   // access refused, or site, rank, identifier wrong; also a wrong HMAC
	"00007": no,         // date
	"00008": no,         // expiry date
	"00009": no,         // type of operation; creation of a subscriber
	"00010": no,         // currency
	"00011": no,         // amount
	"00012": no,         // reference
	"00013": noAccess,   // version
	"00014": no,         // incoherent frame
	"00015": already,
	"00016": no,     // subscriber exists
	"00017": no,     // subscriber unknown
	"00018": absent, // transaction not found
	"00020": no,     // CVV missing
	"00021": no,     // card not allowed
	"00022": no,     // limit reached
	"00024": no,     // country of the card
	"00029": no,     // card not compliant
	"00030": no,     // longer than 15 minutes on the page
	"00033": no,     // country of the IP address
	"00039": numberUsed,
	"00040": no,      // no 3-D Secure
	"99999": waiting, // the issuer has still to say
}

// unsureCodes are unverified: whether Paybox undoes what the issuer left unanswered (68, 97) or calls a repeat (94) is
// nowhere said. In doubt they are looked up.
var unsureCodes = map[string]meaning{"00168": doubtful, "00194": doubtful, "00197": doubtful}

// meaningOf gives the meaning of a CODEREPONSE.
func meaningOf(code string) meaning {
	if m, ok := codes[code]; ok {
		return m
	}
	if m, ok := unsureCodes[code]; ok {
		return m
	}
	if strings.HasPrefix(code, "001") && len(code) == 5 && number(code) {
		return no
	}
	return doubtful
}

// requestStates is what the STATUS of a 00017 (nexylan Status: French texts) means for the request that the transaction
// paid. A refused attempt leaves its request open: the customer may try again.
var requestStates = map[string]payment.State{
	"Autorisé":  payment.Authorised,
	"Capturé":   payment.Paid,
	"Annulé":    payment.Cancelled,
	"Remboursé": payment.Refunded,
	"Refusé":    payment.Open,
}

// unsureStates are unverified: that "Rejet support" is the unpaid item or charge-back is inferred from its name.
var unsureStates = map[string]payment.State{"Rejet support": payment.ChargedBack}

// sight is what the STATUS of its target says of an operation whose answer was lost.
type sight int

const (
	unclear sight = iota // a person decides
	happened
	notYet // it had no effect
)

// sights is unverified in one point: that 00017 on the number of an authorisation says Capturé once it was captured,
// although the capture has a number of its own, and Remboursé only when the whole went back. What stands in no line is
// for a person: a changed amount does not show, nor does a part that was refunded.
var sights = map[payment.Operation]map[string]sight{
	payment.Capture: {"Capturé": happened, "Autorisé": notYet},
	payment.Cancel:  {"Annulé": happened, "Autorisé": notYet, "Capturé": notYet, "Refusé": notYet},
	payment.Refund:  {"Remboursé": happened},
}

// currencies gives DEVISE, ISO 4217 numeric. Most contracts are in euro; the others are refused by the PSP where
// the contract has none.
var currencies = map[string]string{"EUR": "978", "USD": "840", "GBP": "826", "CHF": "756", "CAD": "124", "JPY": "392", "AUD": "036", "NOK": "578",
	"SEK": "752", "DKK": "208", "PLN": "985", "CZK": "203", "HUF": "348", "MAD": "504", "TND": "788", "XPF": "953", "XOF": "952", "XAF": "950"}
