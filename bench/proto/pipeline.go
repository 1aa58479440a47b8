package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

type tally struct{ sent, rejected, failed int }

// answer is what became of a row.
type answer struct {
	row
	code int // of HTTP; 0 with a reason
}

// pipeline reads, posts and writes the answers: one reader, inflight senders, one writer.
func pipeline(ctx context.Context, in *os.File, url string, inflight int, out io.Writer) (tally, error) {
	r, err := newReader(in, filepath.Base(in.Name()))
	if err != nil {
		return tally{}, err
	}
	transport := &http.Transport{MaxIdleConns: inflight, MaxIdleConnsPerHost: inflight, MaxConnsPerHost: inflight}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}

	rows, answers := make(chan row, 2*inflight), make(chan answer, 2*inflight)
	var readErr error
	var senders sync.WaitGroup
	go func() {
		defer close(rows)
		for {
			one, err := r.next()
			if err == io.EOF {
				return
			}
			if err != nil {
				readErr = err
				return
			}
			rows <- one
		}
	}()
	for range inflight {
		senders.Go(func() {
			for one := range rows {
				answers <- post(ctx, client, url, one)
			}
		})
	}
	go func() {
		senders.Wait()
		close(answers)
	}()

	var t tally
	w := bufio.NewWriter(out)
	for a := range answers {
		state := "SENT"
		switch {
		case a.body == nil:
			state = "REJECTED"
			t.rejected++
		case a.code/100 != 2:
			state = "FAILED"
			t.failed++
		default:
			t.sent++
		}
		fmt.Fprintf(w, "%s;%d;%s;%d;%s\r\n", a.key, a.line, state, a.code, a.reason)
	}
	if readErr != nil { // set before rows was closed, hence before answers was
		return t, readErr
	}
	return t, w.Flush()
}

func post(ctx context.Context, client *http.Client, url string, one row) answer {
	if one.body == nil {
		return answer{row: one}
	}
	rq, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(one.body))
	if err != nil {
		one.reason = err.Error()
		return answer{row: one}
	}
	rq.Header.Set("Content-Type", "application/json")
	rq.Header.Set("Idempotency-Key", strings.Repeat("0", max(0, 16-len(one.key)))+one.key)
	rs, err := client.Do(rq)
	if err != nil {
		one.reason = err.Error()
		return answer{row: one}
	}
	defer rs.Body.Close()
	if _, err := io.Copy(io.Discard, rs.Body); err != nil {
		one.reason = err.Error()
	}
	return answer{row: one, code: rs.StatusCode}
}
