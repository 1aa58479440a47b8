package lyrasim

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/navette-connect/navette/connector/gateway/simkit"
)

// maxBody bounds the bodies the simulator reads, in bytes.
const maxBody = 1 << 20

// input is every field the simulated services take; any other is refused, so that a misspelt one is noticed.
type input struct {
	Value          string            `json:"value"`
	Amount         *int64            `json:"amount"`
	Currency       string            `json:"currency"`
	OrderID        string            `json:"orderId"`
	PaymentOrderID string            `json:"paymentOrderId"`
	UUID           string            `json:"uuid"`
	Comment        string            `json:"comment"`
	Resolution     string            `json:"resolutionMode"`
	OperationType  string            `json:"operationType"`
	Expiration     string            `json:"expirationDate"`
	Locale         string            `json:"locale"`
	Description    string            `json:"description"`
	Comments       string            `json:"merchantComment"`
	ReceiptEmail   string            `json:"paymentReceiptEmail"`
	Form           string            `json:"formAction"`
	Methods        []string          `json:"paymentMethods"`
	Metadata       map[string]string `json:"metadata"`
	Channel        struct {
		Type string `json:"channelType"`
		Mail *struct {
			Recipient string `json:"recipient"`
			BCC       string `json:"bcc"`
			Subject   string `json:"subject"`
			Body      string `json:"body"`
			Template  string `json:"template"`
		} `json:"mailOptions"`
		SMS *struct {
			Phone   string `json:"phoneNumber"`
			Message string `json:"message"`
		} `json:"smsOptions"`
		WhatsApp *struct {
			Phone string `json:"phoneNumber"`
		} `json:"whatsAppOptions"`
	} `json:"channelOptions"`
	Transaction *struct {
		Card struct {
			Validation string `json:"manualValidation"`
			Delay      int    `json:"captureDelay"`
		} `json:"cardOptions"`
	} `json:"transactionOptions"`
	Card *struct {
		Amount   *int64 `json:"amount"`
		Currency string `json:"currency"`
		Expected string `json:"expectedCaptureDate"`
		Manual   string `json:"manualValidation"`
	} `json:"cardUpdate"`
	Customer *struct {
		Email     string `json:"email"`
		Reference string `json:"reference"`
		Billing   struct {
			Title, Category, FirstName, LastName, LegalName, PhoneNumber, CellPhoneNumber string
			StreetNumber, Address, Address2, District, ZipCode, City, State, Country      string
			Language, IdentityCode                                                        string
		} `json:"billingDetails"`
	} `json:"customer"`
}

// call is one request to a service.
type call struct {
	name, mode, base, key string
	in                    input
	body                  []byte
	bad                   bool // the body is not the JSON that is expected
	now                   time.Time
}

// Handler serves the PSP's services, the customers' page /pay/{id}, and for tests: GET /_ledger, GET and POST /_faults, POST
// /_act, /_clock and /_ipn. The last ask for no key: keep the simulator on the loopback.
func (p *PSP) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api-payment/V4/", p.serve)
	mux.HandleFunc("GET /pay/{id}", p.servePage)
	mux.HandleFunc("POST /pay/{id}", p.servePage)
	mux.HandleFunc("GET /_ledger", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, p.Ledger()) })
	mux.HandleFunc("GET /_faults", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, p.FaultsNow()) })
	mux.HandleFunc("POST /_faults", p.serveFaults)
	mux.HandleFunc("POST /_clock", p.serveClock)
	mux.HandleFunc("POST /_act", p.serveAct)
	mux.HandleFunc("POST /_ipn", p.serveResend)
	return mux
}

func (p *PSP) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return // the client is gone
	}
	c := &call{name: strings.TrimPrefix(r.URL.Path, "/api-payment/V4/"), base: "http://" + r.Host, body: body, mode: p.modeOf(r)}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	c.bad = d.Decode(&c.in) != nil || d.More()
	c.key = keyOf(&c.in)
	s, known := services()[c.name]

	p.mu.Lock()
	p.pass()
	f, latency := p.meet(c, s.acts && known)
	wait := p.faults.RetryAfter
	status, effect := f.Status()
	var answer []byte
	withheld := true
	switch {
	case f == Cut, f == HTML, f == Late, status != 0 && !effect:
		if f == Late && c.mode != "" { // a stranger's call has no effect, late or not
			p.late = append(p.late, lateCall{p.now().Add(time.Duration(p.faults.Delay)), c})
		}
	case f == Refuse:
		answer = p.envelope(c, nil, no("PSP_003", "refused on request"))
		withheld = false
	case f == Echo:
		answer = p.envelope(c, nil, no("PSP_003", echo(r, &c.in)))
		withheld = false
	default:
		code := codeOf(f)
		switch {
		case c.mode == "":
			answer = p.envelope(c, nil, no("INT_905", "invalid login or key"))
		case !known:
			answer = p.envelope(c, nil, no("INT_901", "web service not found"))
		case code != "":
			answer = p.envelope(c, nil, no(code, "on request"))
		default:
			answer = p.effect(c)
		}
		withheld = f != "" && f != Strange && code == ""
	}
	if s.acts {
		p.ledger.answered(c.key, withheld)
	}
	p.mu.Unlock()

	p.unblock(p.opts.Hook.BeforeAnswer)
	if !simkit.Sleep(r.Context(), latency) {
		return
	}
	p.deliver(w, r, f, answer, wait)
}

// modeOf checks the credentials: the family of the key is the mode, "" a stranger.
func (p *PSP) modeOf(r *http.Request) string {
	shop, key, ok := r.BasicAuth()
	switch {
	case !ok || shop != p.opts.Shop:
	case key == p.opts.Password:
		return "TEST"
	case key == p.opts.ProdPassword && key != "":
		return "PRODUCTION"
	}
	return ""
}

// effect runs a call now and gives its answer's bytes.
func (p *PSP) effect(c *call) []byte {
	c.now = p.now()
	if c.bad {
		return p.envelope(c, nil, no("INT_902", "invalid body"))
	}
	answer, r := services()[c.name].run(p, c)
	return p.envelope(c, answer, r)
}

func (p *PSP) envelope(c *call, answer any, r *refusal) []byte {
	status := "SUCCESS"
	if r != nil {
		status = "ERROR"
		answer = map[string]any{"_type": "V4/WebService/WebServiceError", "errorCode": r.code, "errorMessage": r.text, "detailedErrorCode": text(r.detailCode), "detailedErrorMessage": text(r.detail), "ticket": "null", "shopId": p.opts.Shop}
	}
	var mode any
	if c.mode != "" {
		mode = c.mode
	}
	b, err := json.Marshal(map[string]any{"webService": c.name, "version": "V4", "applicationVersion": "7.2.2", "status": status, "answer": answer, "ticket": nil,
		"serverDate": stamp(p.now()), "applicationProvider": "PAYZEN", "metadata": nil, "mode": mode, "serverUrl": c.base, "_type": "V4/WebService/Response"})
	if err != nil {
		return nil
	}
	return b
}

// echo repeats what an answer should never repeat.
func echo(r *http.Request, in *input) string {
	_, key, _ := r.BasicAuth()
	s := r.Header.Get("Authorization") + " " + key
	if in.Customer != nil {
		s += " " + in.Customer.Email + " " + in.Customer.Billing.LastName + in.Customer.Billing.LegalName + " " + in.Customer.Billing.CellPhoneNumber
	}
	return s
}

// deliver gives the answer, or fails to.
func (p *PSP) deliver(w http.ResponseWriter, r *http.Request, f Fault, answer []byte, wait string) {
	if code, _ := f.Status(); code != 0 {
		if wait != "" {
			w.Header().Set("Retry-After", wait)
		}
		if code < 400 {
			w.Header().Set("Location", r.URL.Path)
		}
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(code)
		io.WriteString(w, "<h1>"+strconv.Itoa(code)+"</h1>\n")
		return
	}
	switch f {
	case Lost, Cut, Late:
		simkit.Hangup(w)
		return
	case Hang:
		<-r.Context().Done()
		return
	case HTML:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, "<!doctype html><title>Welcome</title><p>Please log in to the network.\n")
		return
	case Garbled:
		answer = answer[:len(answer)/2]
	case Strange:
		for _, word := range []string{"RUNNING", "AUTHORISED", "CAPTURED", "CANCELED", "CANCELLED"} {
			answer = bytes.ReplaceAll(answer, []byte(`Status":"`+word+`"`), []byte(`Status":"QUANTUM"`))
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(answer)
}
