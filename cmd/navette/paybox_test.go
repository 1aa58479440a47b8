package main

import (
	"context"
	"fmt"
	"html"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/navette-connect/navette/connector/gateway/payboxsim"
	"github.com/navette-connect/navette/connector/gateway/sandbox"
)

const payboxMappings = `navette: mapping/v1
name: ops
kind: operation
locale: fr
source: {format: csv, encoding: utf-8, delimiter: ";", header: 1, decimal: ","}
fields:
  - {name: operation, column: Op, required: true}
  - {name: transaction_id, column: Transaction}
  - {name: reference, column: Facture}
  - {name: amount, column: Montant, type: amount, all: [reste]}
  - {name: key, column: Cle}
`

// payboxWorld is a world whose PSP is the simulator of Paybox.
type payboxWorld struct {
	*world
	sim *payboxsim.PSP
}

// opsWorld is a world before a simulator that runs: its folders, the two mappings, and other files.
func opsWorld(t *testing.T, sim interface {
	Handler() http.Handler
	Run(ctx context.Context) error
}, seed uint64, files map[string]string) *world {
	t.Helper()
	srv := httptest.NewServer(sim.Handler())
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- sim.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended; srv.Close() })
	w := &world{dir: t.TempDir(), url: srv.URL, rng: rand.New(rand.NewPCG(seed, 3))}
	for _, d := range []string{"etc/mappings", "state", "in", "out", "done", "rejected", "in2", "out2", "done2", "rejected2"} {
		if err := os.MkdirAll(filepath.Join(w.dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	files["etc/mappings/w.yaml"], files["etc/mappings/ops.yaml"] = worldMapping, payboxMappings
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// newPayboxWorld makes the folders, the keys and two flows: requests `f` (in, out), operations `o` (in2, out2).
func newPayboxWorld(t *testing.T, o payboxsim.Options, gateway string) *payboxWorld {
	t.Helper()
	sim, err := payboxsim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	w := &payboxWorld{opsWorld(t, sim, o.Seed, map[string]string{"etc/hmac": payboxsim.TestKey + "\n", "etc/public.pem": string(sim.PublicKey()), "etc/token": "canary-token\n"}), sim}
	w.gateway(t, `type: paybox, urls: ["$URL/PPPS.php", "$URL/second/PPPS.php"], paypage_url: $URL/php/, site: "1999888", rank: "63", identifier: "109518543", hmac_key: {file: $DIR/etc/hmac}, public_key: $DIR/etc/public.pem`, gateway)
	return w
}

// gateway writes the configuration with a gateway's entry; the flows never change.
func (w *payboxWorld) gateway(t *testing.T, entry, more string) {
	w.configure(t, "gateways:\n  psp: {"+entry+", mode: test, concurrency: 4, timeout: 2s"+more+"}\nflows:\n"+
		"  f: {in: $DIR/in, out: $DIR/out, done: $DIR/done, rejected: $DIR/rejected, quiet: 0s, poll: 50ms, status_every: 100ms, mapping: w, gateway: psp}\n"+
		"  o: {in: $DIR/in2, out: $DIR/out2, done: $DIR/done2, rejected: $DIR/rejected2, quiet: 0s, poll: 50ms, status_every: 100ms, patience: 1s, mapping: ops, gateway: psp}\n")
}

// publicAddress is what the Internet sees of a daemon whose port is not known yet.
func publicAddress(t *testing.T) (address string, to func(string)) {
	t.Helper()
	target := make(chan *url.URL, 1)
	srv := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		u := <-target
		target <- u
		r.SetURL(u)
	}})
	t.Cleanup(srv.Close)
	return srv.URL, func(s string) {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		target <- u
	}
}

var (
	action = regexp.MustCompile(`<form method="post" action="([^"]*)"`)
	hidden = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
)

// formOf opens a link and reads the form on navette's page; the status tells where there is none.
func formOf(t *testing.T, link string) (status int, to string, fields [][2]string) {
	t.Helper()
	page, status := look(t, link)
	if status != http.StatusOK {
		return status, "", nil
	}
	m := action.FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no form on the page:\n%s", page)
	}
	for _, f := range hidden.FindAllStringSubmatch(page, -1) {
		fields = append(fields, [2]string{html.UnescapeString(f[1]), html.UnescapeString(f[2])})
	}
	return status, html.UnescapeString(m[1]), fields
}

// browse is the customer: the link, the button, the PSP's page, and what is done there.
func browse(t *testing.T, link, do string) (status int, back string) {
	t.Helper()
	status, to, fields := formOf(t, link)
	if status != http.StatusOK {
		return status, ""
	}
	return press(t, to, fields, do)
}

// press is the customer before a form that is open already.
func press(t *testing.T, to string, fields [][2]string, do string) (status int, back string) {
	t.Helper()
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	status, back, err := payboxsim.Submit(t.Context(), c, to, fields, do)
	if err != nil {
		t.Fatal(err)
	}
	return status, back
}

func look(t *testing.T, link string) (string, int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, nil)
	if err != nil {
		t.Fatal(err)
	}
	status, page := do(t, r)
	return page, status
}

// TestPaybox: invoices become links, customers pay on the PSP's page, operations follow by reference; with notifications
// and without them it ends the same.
func TestPaybox(t *testing.T) {
	for name, tt := range map[string]struct{ notice, poll string }{"by notification": {"", "1h"}, "by polling": {"none", "100ms"}, "forged": {"forged", "100ms"}, "twice": {"twice", "1h"}, "by query": {"get", "1h"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newPayboxWorld(t, payboxsim.Options{Faults: payboxsim.Faults{Notice: tt.notice}}, ", poll: "+tt.poll+", settle: 60ms")
			public, to := publicAddress(t)
			s := w.serve(t, "NAVETTE_PUBLIC_URL="+public)
			to(s.address(t))
			w.place(t, "in", "a.csv", []byte(head+line("FA-1", "100,00")+line("FA-2", "20,00")+line("FA-3", "30,00")+"FA-4;40,00;02/12/2026;\r\n"))
			ret := s.answer(t, "out", "a.ret.csv")
			if len(ret) != 4 || ret[0]["nv_state"] != "sent" || !strings.HasPrefix(ret[0]["nv_link"], public+"/pay/") || ret[3]["nv_state"] != "rejected" || ret[3]["nv_code"] != "NV-2002" {
				t.Fatalf("result %v", ret)
			}
			if len(w.sim.Ledger().Calls) != 0 {
				t.Errorf("the PSP was called for requests: %v", w.sim.Ledger().Calls)
			}
			if status, back := browse(t, ret[0]["nv_link"], "refuse"); status != http.StatusSeeOther || !strings.HasPrefix(back, ret[0]["nv_link"]+"/back?") {
				t.Errorf("card refused: %d, %q", status, back)
			}
			status, back := browse(t, ret[0]["nv_link"], "pay")
			if status != http.StatusSeeOther {
				t.Errorf("payment: %d", status)
			}
			if tt.notice != "" { // the browser is no notification
				if page, status := look(t, back); status != http.StatusOK {
					t.Errorf("back: %d\n%s", status, page)
				}
			}
			w.told(t, s, "out", "STATUS_f_", "FA-1", "paid", "100,00")
			if tt.notice == "" || tt.notice == "twice" || tt.notice == "get" { // polls may come too late to see it
				w.told(t, s, "out", "STATUS_f_", "FA-1", "failed", "")
			}
			if _, status := look(t, ret[0]["nv_link"]); status != http.StatusGone {
				t.Errorf("the page of what is paid: %d, want 410", status)
			}
			w.place(t, "in2", "ops.csv", []byte("Op;Transaction;Facture;Montant;Cle\r\nrefund;;FA-1;25,00;K1\r\ncancel;;FA-2;;K2\r\nrefund;;FA-1;reste;K3\r\n"+ // the rest
				"duplicate;;FA-1;1,00;K4\r\nrefund;;FA-1;1,00;K5\r\n"))
			ops := s.answer(t, "out2", "ops.ret.csv")
			var got []string
			for _, r := range ops {
				got = append(got, r["nv_state"]+" "+r["nv_code"])
			}
			if want := "done |done |done |rejected NV-2002|rejected NV-1406"; strings.Join(got, "|") != want {
				t.Errorf("operations %q, want %q: %v", strings.Join(got, "|"), want, ops)
			}
			w.told(t, s, "out", "STATUS_f_", "FA-2", "cancelled", "")
			if _, status := look(t, ret[1]["nv_link"]); status != http.StatusGone {
				t.Errorf("the page of what is cancelled: %d, want 410", status)
			}
			l := w.sim.Ledger()
			refunded := int64(0)
			for _, a := range l.Acts {
				if a.Type == "00014" {
					refunded += a.Amount
				}
			}
			if l.Doubles != 0 || refunded != 10000 {
				t.Errorf("%d doubles, %d refunded; want 0 and 10000", l.Doubles, refunded)
			}
			if strings.Contains(s.log.String(), payboxsim.TestKey[:32]) {
				t.Error("the HMAC key is in the log")
			}
		})
	}
}

// told waits until a status file tells an event of a reference.
func (w *payboxWorld) told(t *testing.T, s *served, dir, prefix, reference, event, amount string) {
	t.Helper()
	s.eventually(t, reference+" is told "+event, func() error {
		names, err := filepath.Glob(filepath.Join(w.dir, dir, prefix+"*.csv"))
		if err != nil {
			return err
		}
		n := 0
		for _, name := range names {
			rows, err := readCSV(name)
			if err != nil {
				return err
			}
			for _, r := range rows {
				if r["reference"] == reference && r["event"] == event {
					n++
					if amount != "" && r["amount"] != amount {
						return fmt.Errorf("amount %q, want %q", r["amount"], amount)
					}
				}
			}
		}
		if n != 1 {
			return fmt.Errorf("told %d times", n)
		}
		return nil
	})
}

// TestSameFile: the same files give the same answers at the generic gateway and at Paybox; only the gateway's entry differs.
func TestSameFile(t *testing.T) {
	file := []byte(head + line("FA-1", "100,00") + line("FA-2", "1.250,00") + line("FA-3", "30,00"))
	answers := map[string][]string{}
	for _, name := range []string{"paybox", "http"} {
		w := newPayboxWorld(t, payboxsim.Options{}, ", settle: 60ms")
		if name == "http" {
			psp, err := sandbox.New(sandbox.Options{Token: "canary-token", Script: &sandbox.Script{}})
			if err != nil {
				t.Fatal(err)
			}
			srv := httptest.NewServer(psp.Handler())
			t.Cleanup(srv.Close)
			w.gateway(t, "type: http, url: "+srv.URL+", token: {file: $DIR/etc/token}", ", settle: 60ms")
		}
		t.Setenv("NAVETTE_PUBLIC_URL", "https://pay.example")
		w.place(t, "in", "a.csv", file)
		w.says(t, 0, "once")
		ack, err := os.ReadFile(filepath.Join(w.dir, "out", "a.ack.csv"))
		if err != nil {
			t.Fatal(err)
		}
		answers[name] = append(answers[name], string(ack))
		rows, err := readCSV(filepath.Join(w.dir, "out", "a.ret.csv"))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			answers[name] = append(answers[name], r["nv_line"]+" "+r["nv_state"]+" "+r["nv_code"])
		}
	}
	if a, b := strings.Join(answers["http"], "\n"), strings.Join(answers["paybox"], "\n"); a != b || !strings.Contains(a, "2 sent") {
		t.Errorf("http:\n%s\npaybox:\n%s", a, b)
	}
}

// TestWithoutPublicURL: requests are refused at intake, operations are taken.
func TestWithoutPublicURL(t *testing.T) {
	w := newPayboxWorld(t, payboxsim.Options{}, ", settle: 60ms")
	if err := w.sim.Put(payboxsim.Transaction{Trans: "563149", Call: "782653", Reference: "CW1", Amount: 5000}); err != nil {
		t.Fatal(err)
	}
	w.place(t, "in", "a.csv", []byte(head+line("FA-1", "100,00")))
	w.place(t, "in2", "ops.csv", []byte("Op;Transaction;Facture;Montant;Cle\r\ncapture;563149/782653;CW1;50,00;K1\r\nconsult;563149/782653;CW1;;K2\r\ncapture;T-1;CW2;50,00;K3\r\n"))
	w.says(t, 0, "once")
	rows, err := readCSV(w.ack("a.csv"))
	if err != nil || len(rows) != 1 || rows[0]["code"] != "NV-2010" {
		t.Errorf("ack %v, %v", rows, err)
	}
	rows, err = readCSV(filepath.Join(w.dir, "out2", "ops.ret.csv"))
	if err != nil || len(rows) != 3 || rows[0]["nv_state"] != "done" || rows[1]["nv_state"] != "done" || rows[2]["nv_state"] != "rejected" || rows[2]["nv_code"] != "NV-2002" {
		t.Errorf("result %v, %v", rows, err)
	}
	if text := w.says(t, 0, "check", "--online"); !strings.Contains(text, "psp") {
		t.Errorf("check --online:\n%s", text)
	}
	if acts := w.sim.Ledger().Acts; len(acts) != 1 {
		t.Errorf("acts %v", acts)
	}
}

// startPaybox serves the simulator for a script: $PAYBOX is its address, the argument a script of its own; its key goes
// into $WORK/hmac.
func startPaybox(ts *testscript.TestScript, _ bool, args []string) {
	script, err := payboxsim.ParseScript([]byte(ts.ReadFile(args[0])))
	ts.Check(err)
	sim, err := payboxsim.New(payboxsim.Options{Script: script})
	ts.Check(err)
	srv := httptest.NewServer(sim.Handler())
	ts.Defer(srv.Close)
	ts.Setenv("PAYBOX", srv.URL)
	ts.Check(os.WriteFile(ts.MkAbs("hmac"), []byte(payboxsim.TestKey), 0o600))
}
