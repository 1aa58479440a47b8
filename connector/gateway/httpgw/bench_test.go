package httpgw

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/navette-connect/navette/connector/gateway"
)

// BenchmarkSubmit is the whole exchange with a PSP on the loopback that answers at once, its own cost included.
func BenchmarkSubmit(b *testing.B) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, `{"id":"pr_7F3K2","state":"open","link":"https://pay.example/r/7F3K2"}`)
	}))
	defer srv.Close()
	g, err := New(Options{URL: srv.URL, Token: secret, HTTP: gateway.Options{Concurrency: 16}})
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	in := request()
	b.SetParallelism(8)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := g.Submit(b.Context(), in); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
