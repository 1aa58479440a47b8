package lyra_test

import (
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/navette-connect/navette/connector/gateway"
	"github.com/navette-connect/navette/connector/gateway/gatewaytest"
	"github.com/navette-connect/navette/connector/gateway/lyra"
	"github.com/navette-connect/navette/connector/gateway/lyrasim"
)

// today is the day on which the suite's dates make sense.
func today() time.Time { return time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC) }

func options(url string) lyra.Options {
	return lyra.Options{URL: url, Shop: lyrasim.DefaultShop, Mode: "test", Password: lyrasim.DefaultPassword, HMACKey: lyrasim.DefaultHMACKey,
		Name: "psp", Lang: "en", HTTP: gateway.Options{Concurrency: 4, Now: today}}
}

// world is a gateway before its simulator.
type world struct {
	*lyra.Gateway
	psp *lyrasim.PSP
	url string
}

func open(t testing.TB, o lyrasim.Options) *world {
	t.Helper()
	if o.Now == nil {
		o.Now = today
	}
	w := &world{psp: lyrasim.New(o)}
	srv := httptest.NewServer(w.psp.Handler())
	t.Cleanup(srv.Close)
	w.url = srv.URL
	g, err := lyra.New(options(srv.URL))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	w.Gateway = g
	return w
}

func TestGateway(t *testing.T) {
	gatewaytest.Run(t, func() (*gatewaytest.Rig, error) {
		p := lyrasim.New(lyrasim.Options{Now: today})
		srv := httptest.NewServer(p.Handler())
		g, err := lyra.New(options(srv.URL))
		if err != nil {
			return nil, err
		}
		l, err := net.Listen("tcp", "127.0.0.1:0") // a port that was ours a moment ago: nobody listens there
		if err != nil {
			return nil, err
		}
		l.Close()
		absent, err := lyra.New(options("http://" + l.Addr().String()))
		if err != nil {
			return nil, err
		}
		return &gatewaytest.Rig{
			Gateway: g, Absent: absent, Secrets: []string{lyrasim.DefaultPassword, lyrasim.DefaultHMACKey}, Close: func() { g.Close(); srv.Close() },
			Break:        func(f gatewaytest.Fault) bool { return p.Break(lyrasim.Fault(f)) == nil },
			BreakLookups: func(f gatewaytest.Fault) bool { return p.SetFaults(lyrasim.Faults{Reads: lyrasim.Fault(f)}) == nil },
			Seen: func(key string) gatewaytest.Seen {
				if e := p.Ledger().Keys[key]; e != nil {
					return gatewaytest.Seen{Arrivals: e.Arrivals, Effects: e.Effects, Bodies: len(e.Bodies)}
				}
				return gatewaytest.Seen{}
			},
		}, nil
	})
}
