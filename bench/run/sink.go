package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// sink is a running stand-in PSP.
type sink struct {
	url    string
	cmd    *exec.Cmd
	client *http.Client
}

// counts are those of the sink's counters that are asked for.
type counts struct {
	Accepted  int     `json:"accepted"`
	Documents int     `json:"documents"`
	Replayed  int     `json:"replayed"`
	Doubled   int     `json:"doubled"`
	Lookups   int     `json:"lookups"`
	PerSecond float64 `json:"per_second"`
}

// startSink runs a sink that the caller must stop.
func (b *bench) startSink(ctx context.Context, flags ...string) (*sink, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin, "sink"), flags...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &sink{cmd: cmd, client: &http.Client{Timeout: 30 * time.Second}}
	line, err := bufio.NewReader(out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "listening ")
	if err != nil || !ok {
		s.stop()
		return nil, fmt.Errorf("the sink does not start: it said %q", line)
	}
	s.url = url
	return s, nil
}

func (s *sink) stop() {
	s.client.CloseIdleConnections()
	s.cmd.Process.Kill() // ended already is as well
	s.cmd.Wait()         // it says that it was killed
}

func (s *sink) reset(ctx context.Context) error {
	_, err := s.call(ctx, http.MethodPost, "/_reset")
	return err
}

func (s *sink) counts(ctx context.Context) (c counts, err error) {
	b, err := s.call(ctx, http.MethodGet, "/_stats")
	if err != nil {
		return c, err
	}
	return c, json.Unmarshal(b, &c)
}

func (s *sink) call(ctx context.Context, method, path string) ([]byte, error) {
	rq, err := http.NewRequestWithContext(ctx, method, s.url+path, nil)
	if err != nil {
		return nil, err
	}
	rs, err := s.client.Do(rq)
	if err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	defer rs.Body.Close()
	if rs.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("sink: %s %s: %s", method, path, rs.Status)
	}
	return io.ReadAll(rs.Body)
}
