package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/navette-connect/navette/connector/gateway/sipssim"
)

// sipsWorld is a world whose PSP is the simulator of Sips; requests `f` (in, out), operations `o` (in2, out2).
type sipsWorld struct {
	*payboxWorld // its helpers; its simulator is not used
	sips         *sipssim.PSP
}

func newSipsWorld(t *testing.T, o sipssim.Options, more string) *sipsWorld {
	t.Helper()
	sim, err := sipssim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	w := &sipsWorld{&payboxWorld{opsWorld(t, sim, o.Seed, map[string]string{"etc/key": sipssim.TestKey + "\n"}), nil}, sim}
	w.gateway(t, `type: sips, url: $URL, paypage_url: $URL, merchant: "002001000000001", keys: {"1": {file: $DIR/etc/key}}`, more)
	return w
}

// atSips is the customer: the link, the button, the PSP's page, and what is done there.
func atSips(t *testing.T, link, do string) (status int) {
	t.Helper()
	status, to, fields := formOf(t, link)
	if status != http.StatusOK {
		return status
	}
	return pressSips(t, to, fields, do)
}

// pressSips is the customer before a form that is open already.
func pressSips(t *testing.T, to string, fields [][2]string, do string) (status int) {
	t.Helper()
	v := url.Values{}
	for _, f := range fields {
		v.Set(f[0], f[1])
	}
	send := func(to string, v url.Values) (int, string) {
		r, err := http.PostForm(to, v)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, string(b)
	}
	status, page := send(to, v)
	if status != http.StatusOK {
		return status
	}
	data := regexp.MustCompile(`name="data" value="([^"]+)"`).FindStringSubmatch(page)
	status, _ = send(strings.TrimSuffix(to, "/payment")+"/payment/choice", url.Values{"data": {data[1]}, "do": {do}})
	return status
}

// TestSips: invoices become links, customers pay on the PSP's page, operations follow by reference; by automatic responses
// and without them it ends the same, though Sips knows a payment later than it tells of it.
func TestSips(t *testing.T) {
	for name, tt := range map[string]struct {
		hooks  bool
		lag    time.Duration
		notice string
	}{"by automatic response": {true, 0, ""}, "by polling": {false, 0, "refuse"}, "told before it is known": {true, time.Second, ""}, "told twice": {true, 0, "twice"}, "told late": {true, 0, "slow-300ms"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			poll := "1h"
			if !tt.hooks || tt.lag > 0 {
				poll = "200ms"
			}
			w := newSipsWorld(t, sipssim.Options{Lag: tt.lag}, ", poll: "+poll+", settle: 60ms")
			public, to := publicAddress(t)
			s := w.serve(t, "NAVETTE_PUBLIC_URL="+public)
			if to(s.address(t)); tt.notice != "" {
				if err := w.sips.SetFaults(sipssim.Fault{Function: "notice", What: tt.notice, Always: true}); err != nil {
					t.Fatal(err)
				}
			}
			w.place(t, "in", "a.csv", []byte(head+line("FA-1", "100,00")+line("FA-2", "20,00")+line("FA-3", "30,00")))
			ret := s.answer(t, "out", "a.ret.csv")
			if len(ret) != 3 || ret[0]["nv_state"] != "sent" || !strings.HasPrefix(ret[0]["nv_link"], public+"/pay/") {
				t.Fatalf("result %v", ret)
			}
			if n := w.sips.LedgerNow().Calls; len(n) != 0 {
				t.Errorf("the PSP was called for requests: %v", n)
			}
			if got := atSips(t, ret[0]["nv_link"], "refuse"); got != http.StatusOK {
				t.Errorf("a card refused: %d", got)
			}
			if tt.lag > 0 { // until Sips knows of the refusal a form would carry a used reference
				if _, status := look(t, ret[0]["nv_link"]); status != http.StatusServiceUnavailable {
					t.Errorf("a page while Sips writes the refusal down: %d", status)
				}
				w.sips.Advance(time.Second)
			}
			if got := atSips(t, ret[0]["nv_link"], "pay"); got != http.StatusOK {
				t.Errorf("a payment: %d", got)
			}
			w.told(t, s, "out", "STATUS_f_", "FA-1", "paid", "100,00")
			w.told(t, s, "out", "STATUS_f_", "FA-1", "failed", "")
			if _, status := look(t, ret[0]["nv_link"]); status != http.StatusGone {
				t.Errorf("the page of what is paid: %d, want 410", status)
			}
			w.sips.Advance(14 * time.Hour) // the night's remittance
			w.place(t, "in2", "ops.csv", []byte("Op;Transaction;Facture;Montant;Cle\r\nrefund;;FA-1;25,00;K1\r\ncancel;;FA-2;;K2\r\nconsult;;FA-1;;K3\r\nrefund;;FA-1;80,00;K4\r\n"))
			var got []string
			for _, r := range s.answer(t, "out2", "ops.ret.csv") {
				got = append(got, r["nv_state"]+" "+r["nv_code"])
			}
			if want := "done |done |done |rejected NV-1406"; strings.Join(got, "|") != want {
				t.Errorf("operations %q, want %q", strings.Join(got, "|"), want)
			}
			w.told(t, s, "out", "STATUS_f_", "FA-2", "cancelled", "")
			if _, status := look(t, ret[1]["nv_link"]); status != http.StatusGone {
				t.Errorf("the page of what is cancelled: %d, want 410", status)
			}
			if l := w.sips.LedgerNow(); l.Doubles != 0 || l.Calls["refund"] != 1 || (l.Notices > 0) != tt.hooks {
				t.Errorf("%d doubles, %d refunds, %d notices", l.Doubles, l.Calls["refund"], l.Notices)
			}
			if log := s.log.String(); strings.Contains(log, "KEY1") || strings.Contains(log, strings.TrimPrefix(ret[0]["nv_link"], public+"/pay/")) {
				t.Error("the key or a token is in the log")
			}
		})
	}
}

// startSips serves the simulator for a script: $SIPS is its address; its key goes into $WORK/key. The arguments are
// transactions that stand already, as REFERENCE=STATUS, of 50.00 EUR.
func startSips(ts *testscript.TestScript, _ bool, args []string) {
	sim, err := sipssim.New(sipssim.Options{})
	ts.Check(err)
	for _, a := range args {
		ref, status, _ := strings.Cut(a, "=")
		sim.Put(sipssim.Transaction{Reference: ref, Status: status, Currency: "978", Amount: 5000, Current: 5000})
	}
	srv := httptest.NewServer(sim.Handler())
	ts.Defer(srv.Close)
	ts.Setenv("SIPS", srv.URL)
	ts.Check(os.WriteFile(ts.MkAbs("key"), []byte(sipssim.TestKey), 0o600))
}
