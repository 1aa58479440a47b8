package payment

import "errors"

// Visit is one customer before navette's page of a request, at a PSP that has no links of its own.
type Visit struct {
	Language  string // "fr" or "en"
	ReturnURL string // where the PSP sends the browser afterwards; what comes back with it is never believed
	NotifyURL string // where the PSP may notify from server to server
}

// Form is what the customer's browser must POST (application/x-www-form-urlencoded) to reach the PSP's page. It is made
// anew for each visit, and lives as long as the PSP says: minutes.
type Form struct {
	Action string // absolute URL, https:// but for a simulator on this machine
	Fields []Pair // in the order to send them
}

// ErrClosed tells that a form is refused since nothing is left to pay: the PSP has the payment, or it is on its way.
var ErrClosed = errors.New("nothing is left to pay")
