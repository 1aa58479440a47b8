package sipssim

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Handler serves Sips's interfaces and, for tests, GET /_ledger, POST /_faults, POST /_clock, POST /_act. The latter ask
// for no seal: keep the simulator on the loopback.
func (p *PSP) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, f := range []string{"validate", "cancel", "refund", "duplicate"} {
		mux.HandleFunc("POST /rs-services/v2/cashManagement/"+f, p.office(f, "CR_WS_2."))
	}
	mux.HandleFunc("POST /rs-services/v2/diagnostic/getTransactionData", p.office("getTransactionData", "DR_WS_2."))
	mux.HandleFunc("POST /rs-services/v2/paymentInit", p.office("paymentInit", "IR_WS_2."))
	mux.HandleFunc("POST /payment", p.servePage)
	mux.HandleFunc("POST /payment/choice", p.serveChoice)
	mux.HandleFunc("GET /_ledger", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, p.LedgerNow()) })
	mux.HandleFunc("POST /_faults", p.serveFaults)
	mux.HandleFunc("POST /_clock", p.serveClock)
	mux.HandleFunc("POST /_act", p.serveAct)
	return mux
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

type fields map[string]any

func (f fields) text(name string) string {
	s, _ := f[name].(string)
	return s
}

// sealText joins the values for the seal; top-level fields that are no part of it are left out.
func sealText(v any, top bool) string {
	switch v := v.(type) {
	case fields:
		return sealText(map[string]any(v), top)
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			if top && (name == "seal" || name == "keyVersion" || name == "sealAlgorithm") {
				continue
			}
			names = append(names, name)
		}
		slices.Sort(names)
		out := ""
		for _, name := range names {
			out += sealText(v[name], false)
		}
		return out
	case []any:
		out := ""
		for _, each := range v {
			out += sealText(each, false)
		}
		return out
	case string:
		return v
	case json.Number:
		return string(v)
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

func sign(data, key string) string {
	h := hmac.New(sha256.New, []byte(key))
	io.WriteString(h, data)
	return hex.EncodeToString(h.Sum(nil))
}

// office reads one call, checks it as Sips does, lets it act and answers.
func (p *PSP) office(function, version string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
			return
		}
		if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
			http.Error(w, "application/json is expected", http.StatusUnsupportedMediaType)
			return
		}
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		var in fields
		if d.Decode(&in) != nil || in == nil {
			http.Error(w, "not a JSON object", http.StatusBadRequest)
			return
		}
		if p.o.Latency > 0 {
			time.Sleep(p.o.Latency)
		}
		p.mu.Lock()
		p.night()
		key := function + "/" + in.text("transactionReference")
		p.arrive(function, key, body)
		fault := p.takeFault(function)
		p.mu.Unlock()
		if fault.Before(w, r, in, p) {
			return
		}
		p.mu.Lock()
		out := p.checked(function, version, in)
		acted := out == nil
		if acted {
			out = p.act(function, in, r)
			acted = out.text("responseCode") == "00"
		}
		if fault.hides() && acted && function != "getTransactionData" && function != "paymentInit" {
			p.ledger.Withheld++
		}
		p.seal(in, out)
		p.mu.Unlock()
		fault.After(w, r, out)
	}
}

func (p *PSP) arrive(function, key string, body []byte) {
	p.ledger.Calls[function]++
	if p.counts[key] == nil {
		p.counts[key], p.bodies[key] = &Count{}, map[string]bool{}
	}
	p.counts[key].Arrivals++
	sum := sha256.Sum256(body)
	p.bodies[key][string(sum[:])] = true
}

func (p *PSP) seal(in, out fields) {
	key, known := p.o.Keys[in.text("keyVersion")]
	if p.o.Unsealed || !known {
		return
	}
	out["seal"] = sign(sealText(out, true), key)
}

// wanted are the fields of each function beside those that all have.
func wanted(function string) []string {
	switch function {
	case "validate", "cancel", "refund":
		return []string{"operationAmount", "currencyCode"}
	case "duplicate":
		return []string{"fromTransactionReference", "amount", "currencyCode"}
	case "paymentInit":
		return []string{"amount", "currencyCode", "orderChannel", "normalReturnUrl"}
	}
	return nil
}

// checked gives the refusal of a call that is not well formed; nil: it is.
func (p *PSP) checked(function, version string, in fields) fields {
	no := func(code, field string) fields {
		out := fields{"responseCode": code}
		if function == "paymentInit" {
			out = fields{"redirectionStatusCode": code, "redirectionStatusMessage": "refused"}
		}
		if field != "" {
			out["errorFieldName"] = field
		}
		return out
	}
	for _, f := range append([]string{"interfaceVersion", "keyVersion", "merchantId", "transactionReference", "seal"}, wanted(function)...) {
		if in.text(f) == "" {
			return no("12", f)
		}
	}
	key, known := p.o.Keys[in.text("keyVersion")]
	switch {
	case in.text("merchantId") != p.o.Merchant:
		return no("03", "merchantId")
	case !known:
		return no("12", "keyVersion")
	case !hmac.Equal([]byte(in.text("seal")), []byte(sign(sealText(in, true), key))):
		return no(p.o.BadSeal, "")
	case !strings.HasPrefix(in.text("interfaceVersion"), version):
		return no("12", "interfaceVersion")
	}
	for _, f := range []string{"transactionReference", "fromTransactionReference"} {
		ref := in.text(f)
		if len(ref) > 35 || strings.ContainsFunc(ref, func(r rune) bool { return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') }) {
			return no("30", f)
		}
	}
	for _, f := range []string{"operationAmount", "amount"} {
		if s := in.text(f); s != "" {
			if n, ok := atoi(s); !ok || n == 0 {
				return no("30", f)
			}
		}
	}
	if c := in.text("currencyCode"); c != "" {
		if _, ok := atoi(c); !ok || len(c) != 3 {
			return no("30", "currencyCode")
		}
	}
	if o := in.text("orderId"); len(o) > 32 || strings.ContainsAny(o, " ;|/é") {
		return no("30", "orderId")
	}
	if m := in.text("captureMode"); m != "" && !slices.Contains([]string{"AUTHOR_CAPTURE", "VALIDATION", "IMMEDIATE"}, m) {
		return no("30", "captureMode")
	}
	if s := in.text("captureDay"); s != "" {
		if n, ok := atoi(s); !ok || n > 99 {
			return no("30", "captureDay")
		}
	}
	if slices.Contains(p.o.Off, function) {
		return no("40", "")
	}
	if p.closed() && len(wanted(function)) > 0 && function != "paymentInit" {
		return no("90", "") // the code is unverified
	}
	return nil
}

// known gives a transaction that Office knows by now.
func (p *PSP) known(ref string) *Transaction {
	t := p.all[ref]
	if t == nil || p.now().Sub(t.At) < p.o.Lag {
		return nil
	}
	return t
}

// act lets a well-formed call act. p.mu is held.
func (p *PSP) act(function string, in fields, r *http.Request) fields {
	ref := in.text("transactionReference")
	switch function {
	case "paymentInit":
		return p.init(in, r)
	case "duplicate":
		return p.duplicate(in)
	}
	t := p.known(ref)
	if t == nil {
		return fields{"responseCode": "25"}
	}
	if function == "getTransactionData" {
		return fields{"responseCode": t.Code, "transactionStatus": t.Status, "amount": strconv.FormatInt(t.Amount, 10), "currentAmount": strconv.FormatInt(t.Current, 10),
			"currencyCode": t.Currency, "captureMode": t.Mode, "captureDay": json.Number(strconv.Itoa(t.Day)), "paymentMeanBrand": "VISA", "orderId": t.Order,
			"transactionDateTime": t.At.Format(time.RFC3339), "transactionReference": t.Reference}
	}
	sum, _ := atoi(in.text("operationAmount"))
	if in.text("currencyCode") != t.Currency {
		return fields{"responseCode": "12", "errorFieldName": "currencyCode"}
	}
	allowed := map[string][]string{"validate": {"TO_VALIDATE"}, "cancel": {"TO_CAPTURE", "TO_VALIDATE", "TO_AUTHORIZE", "TO_CHALLENGE"}, "refund": {"CAPTURED", "TO_CREDIT"}}[function]
	switch {
	case !slices.Contains(allowed, t.Status):
		return fields{"responseCode": "24", "newStatus": t.Status}
	case sum > t.Current:
		return fields{"responseCode": "51", "newStatus": t.Status}
	}
	switch function {
	case "validate":
		t.Current, t.Status = sum, "TO_CAPTURE"
	case "cancel":
		if t.Current -= sum; t.Current == 0 {
			t.Status = "CANCELLED"
		}
	case "refund":
		t.Refunded += sum
		if t.Current -= sum; t.Current == 0 {
			t.Status = "CREDITED"
		}
	}
	p.effect(function, ref, sum)
	return fields{"responseCode": "00", "acquirerResponseCode": "00", "newAmount": strconv.FormatInt(t.Current, 10), "newStatus": t.Status, "operationDateTime": p.now().Format(time.RFC3339)}
}

func (p *PSP) duplicate(in fields) fields {
	ref := in.text("transactionReference")
	if p.all[ref] != nil {
		return fields{"responseCode": "94"}
	}
	from := p.known(in.text("fromTransactionReference"))
	if from == nil {
		return fields{"responseCode": "25"}
	}
	if from.Status == "REFUSED" || from.Status == "ABORTED" {
		return fields{"responseCode": "24"}
	}
	sum, _ := atoi(in.text("amount"))
	t := p.made(in, sum)
	t.From = from.Reference
	p.add(t)
	p.effect("duplicate", ref, sum)
	return fields{"responseCode": "00", "acquirerResponseCode": "00", "authorisationId": "123456", "transactionReference": ref, "transactionDateTime": t.At.Format(time.RFC3339)}
}

// made is a new, accepted transaction of the fields of a call.
func (p *PSP) made(in fields, sum int64) *Transaction {
	day, _ := atoi(in.text("captureDay"))
	t := &Transaction{Reference: in.text("transactionReference"), Order: in.text("orderId"), Mode: in.text("captureMode"), Day: int(day), Currency: in.text("currencyCode"),
		Amount: sum, Current: sum, Code: "00", Status: "TO_CAPTURE", At: p.now()}
	if t.Mode == "VALIDATION" {
		t.Status = "TO_VALIDATE"
	}
	return t
}
