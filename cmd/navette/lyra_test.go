package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/navette-connect/navette/connector/gateway/lyrasim"
)

// TestLyraNotifications: whatever becomes of its notifications (none, both keys, escaped, twice, newest first, before the
// answer, forged ones among them) the daemon comes to the same states. With notifications on it polls once an hour: what it
// learns it learns by them.
func TestLyraNotifications(t *testing.T) {
	want := map[string]string{"N-PAY": "paid", "N-REFUS": "refused", "N-TWICE": "paid", "N-OPEN": "open", "N-HAND": "authorised"}
	tests := []struct {
		name string
		hook lyrasim.Hook // its URL is filled in
		off  bool
	}{
		{name: "off", off: true},
		{name: "by the REST key"},
		{name: "by the key of returns and escaped", hook: lyrasim.Hook{HMACKey: true, Escaped: true}},
		{name: "twice and newest first and before the answer", hook: lyrasim.Hook{Twice: true, Backwards: true, BeforeAnswer: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0") // a port for the daemon
			if err != nil {
				t.Fatal(err)
			}
			address := l.Addr().String()
			l.Close()
			script, err := lyrasim.ParseScript([]byte(`rules:
  - {match: N-PAY, after: 20ms, pay: true}
  - {match: N-HAND, after: 20ms, pay: true}
  - {match: N-REFUS, after: 20ms, fail: "05", final: true}
  - {match: N-TWICE, after: 20ms, fail: "51", then: [{after: 30ms, pay: true}]}
`))
			if err != nil {
				t.Fatal(err)
			}
			poll := "1h"
			if tt.off {
				poll = "100ms"
			} else {
				tt.hook.URL = "http://" + address + "/hooks/psp"
			}
			psp := lyrasim.New(lyrasim.Options{Script: script, Hook: tt.hook})
			srv := httptest.NewServer(psp.Handler())
			defer srv.Close()
			ctx, stop := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() { _ = psp.Run(ctx) })
			defer running.Wait()
			defer stop()

			dir := t.TempDir()
			for name, text := range map[string]string{
				"etc/navette.yaml": fmt.Sprintf(`gateways:
  psp: {type: lyra, mode: test, url: %q, shop: "12345678", password: {file: %[2]s/etc/key}, hmac_key: {file: %[2]s/etc/returns}, poll: %s}
flows:
  f: {in: %[2]s/in, out: %[2]s/out, done: %[2]s/done, quiet: 0s, poll: 50ms, status_every: 50ms, mapping: w, gateway: psp}
`, srv.URL, dir, poll),
				"etc/mappings/w.yaml": worldMapping + "  - {name: capture.mode, column: Remise}\n",
				"etc/key":             lyrasim.DefaultPassword, "etc/returns": lyrasim.DefaultHMACKey, "out/.keep": "",
				"in/a.csv": "Facture;Montant;Echeance;Courriel;Remise\r\nN-PAY;10,00;;;\r\nN-REFUS;10,00;;;\r\nN-TWICE;10,00;;;\r\nN-OPEN;10,00;;;\r\nN-HAND;10,00;;;manual\r\n",
			} {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			w := &world{dir: dir}
			cmd, out := w.command(t, "run")
			cmd.Env = append(cmd.Env, "NAVETTE_LISTEN="+address)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			states := func() map[string]string {
				rows, text := w.command(t, "rows", "--json", "--limit", "0")
				var list []struct{ Reference, State string }
				if rows.Run() != nil || json.Unmarshal(text.Bytes(), &list) != nil {
					return nil // the journal is not there yet
				}
				got := map[string]string{}
				for _, r := range list {
					got[r.Reference] = r.State
				}
				return got
			}
			forged, err := http.Post("http://"+address+"/hooks/psp", "application/x-www-form-urlencoded", strings.NewReader("kr-hash=00&kr-answer={}"))
			for tries := 0; err != nil && tries < 200; tries++ { // until it listens
				time.Sleep(50 * time.Millisecond)
				forged, err = http.Post("http://"+address+"/hooks/psp", "application/x-www-form-urlencoded", strings.NewReader("kr-hash=00&kr-answer={}"))
			}
			if err != nil {
				t.Fatal(err)
			}
			forged.Body.Close()
			if forged.StatusCode != http.StatusUnauthorized {
				t.Errorf("a forged notification is answered %s, want 401", forged.Status)
			}
			var got map[string]string
			for tries := 0; tries < 100; tries++ {
				if got = states(); cmp.Equal(want, got) {
					break
				}
				time.Sleep(100 * time.Millisecond)
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Errorf("the daemon has ended by itself: %v", err)
			}
			_ = cmd.Wait() // killed
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("states (-want +got):\n%s\n%s", d, tail(out.String()))
			}
			if bytes.Contains(out.Bytes(), []byte(lyrasim.DefaultPassword)) {
				t.Error("the key is in the log")
			}
			if calls := psp.Ledger().Calls["Charge/PaymentOrder/Get"]; !tt.off && calls > 60 {
				t.Errorf("%d reads: it polled", calls)
			}
		})
	}
}
