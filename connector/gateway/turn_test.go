package gateway

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// TestWaitForItsTurnIsNoDoubt: a request that waits behind another of ours has its whole time-out from its turn on.
func TestWaitForItsTurnIsNoDoubt(t *testing.T) {
	t.Parallel()
	taken, release := make(chan struct{}, 2), make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		taken <- struct{}{}
		if r.Method == http.MethodGet {
			<-release
		} else {
			time.Sleep(2 * time.Second)
		}
		w.Write([]byte("{}"))
	}))
	defer srv.Close()
	c, err := NewClient(Options{Timeout: 3 * time.Second, Concurrency: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var read sync.WaitGroup
	defer read.Wait()
	read.Go(func() { c.Do(t.Context(), &Request{Method: http.MethodGet, URL: srv.URL}) })
	<-taken
	time.AfterFunc(2*time.Second, func() { close(release) })
	if a, err := c.Do(t.Context(), &Request{Method: http.MethodPost, URL: srv.URL, Body: []byte("{}")}); err != nil {
		t.Errorf("the POST waited 2 s for its turn, and was answered 2 s later, within 3 s: %v (answer %v)", err, a)
	}
}
