package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// trial is one whole run of one rival over one file.
type trial struct {
	usage
	counts
	rows int
}

func (t trial) rate() float64  { return t.PerSecond }                                     // rows/s at the sink, first to last
func (t trial) whole() float64 { return float64(t.rows) / t.wall.Seconds() }              // rows/s of the whole process
func (t trial) per() float64   { return float64(t.cpu.Microseconds()) / float64(t.rows) } // microseconds of CPU a row

// rival runs over a file of so many rows, against a sink.
type rival struct {
	name string
	run  func(ctx context.Context, s *sink, src string) (usage, error)
}

func (b *bench) rate(ctx context.Context) error {
	rivals := []rival{{"navette", b.runNavette}, {"proto-none", b.runProto}}
	script, why, err := b.node(ctx)
	if err != nil {
		return err
	}
	if why == "" {
		rivals = append(rivals, rival{"node", b.runNode(script)})
	} else {
		b.report.skip("navette / node", why)
	}
	s, err := b.startSink(ctx)
	if err != nil {
		return err
	}
	defer s.stop()
	for _, n := range b.rows {
		trials := map[string][]trial{}
		for range b.pairs {
			for _, r := range rivals {
				t, err := b.try(ctx, r, s, n)
				if err != nil {
					return err
				}
				trials[r.name] = append(trials[r.name], t)
			}
		}
		b.compare(n, rivals, trials)
	}
	return nil
}

// try runs one rival once; whatever it did not send once is told on a line of its own.
func (b *bench) try(ctx context.Context, r rival, s *sink, n int) (trial, error) {
	src, err := b.data(ctx, n)
	if err != nil {
		return trial{}, err
	}
	if err := s.reset(ctx); err != nil {
		return trial{}, err
	}
	t := trial{rows: n}
	if t.usage, err = r.run(ctx, s, src); err != nil {
		return t, fmt.Errorf("%s: %w", r.name, err)
	}
	if t.counts, err = s.counts(ctx); err != nil {
		return t, err
	}
	if t.exit != 0 || t.Accepted != n || t.Documents != n || t.Replayed != 0 || t.Doubled != 0 {
		b.report.judge(fmt.Sprintf("%s, %d rows, all sent once", r.name, n), fmt.Sprintf("exit %d, %d of %d sent, %d replayed, %d doubled",
			t.exit, t.Documents, n, t.Replayed, t.Doubled), "all, once", false)
	}
	return t, nil
}

func (b *bench) compare(n int, rivals []rival, trials map[string][]trial) {
	of := func(who string, f func(trial) float64) float64 {
		var v []float64
		for _, t := range trials[who] {
			v = append(v, f(t))
		}
		return median(v)
	}
	ratio := func(to string, f func(trial) float64) float64 { // the median of the pairs' ratios
		var v []float64
		for i, t := range trials["navette"] {
			v = append(v, f(t)/f(trials[to][i]))
		}
		return median(v)
	}
	fast := map[string]float64{"node": 2, "proto-none": 0.7}
	for _, r := range rivals[1:] {
		name := fmt.Sprintf("navette / %s, %d rows", r.name, n)
		b.report.atLeast("rows/s, "+name, ratio(r.name, trial.rate), fast[r.name],
			fmt.Sprintf("%.0f to %.0f at the sink", of("navette", trial.rate), of(r.name, trial.rate)))
		cpu := fmt.Sprintf("%.0f to %.0f us", of("navette", trial.per), of(r.name, trial.per))
		if r.name == "node" {
			b.report.atMost("CPU a row, "+name, ratio(r.name, trial.per), 0.6, cpu)
		} else {
			b.report.tell("CPU a row, "+name, fmt.Sprintf("%.2f (%s)", ratio(r.name, trial.per), cpu))
		}
		b.report.tell("whole run, "+name, fmt.Sprintf("%.2f (%.0f to %.0f rows/s from start to exit)",
			ratio(r.name, trial.whole), of("navette", trial.whole), of(r.name, trial.whole)))
	}
	var rss []string
	for _, r := range rivals {
		rss = append(rss, fmt.Sprintf("%s %.0f", r.name, of(r.name, func(t trial) float64 { return t.rss })))
	}
	b.report.tell(fmt.Sprintf("peak RSS, MiB, %d rows", n), strings.Join(rss, ", "))
}

func (b *bench) runNavette(ctx context.Context, s *sink, src string) (usage, error) {
	h, err := b.newHome("once", gatewaySettings{url: s.url, inflight: b.inflight, settle: b.settle})
	if err != nil {
		return usage{}, err
	}
	if err := h.drop(src); err != nil {
		return usage{}, err
	}
	return b.measure(ctx, h.once(b.navette))
}

func (b *bench) runProto(ctx context.Context, s *sink, src string) (usage, error) {
	return b.measure(ctx, process{name: "proto", path: filepath.Join(b.bin, "proto"), args: []string{"-f", src,
		"-url", s.url + "/payment-requests", "-c", strconv.Itoa(b.inflight), "-status", filepath.Join(b.work, "proto-answers.csv")}})
}

func (b *bench) runNode(script string) func(context.Context, *sink, string) (usage, error) {
	return func(ctx context.Context, s *sink, src string) (usage, error) {
		return b.measure(ctx, process{name: "node", path: "node", args: []string{script, src,
			s.url + "/payment-requests", strconv.Itoa(b.inflight), filepath.Join(b.work, "node-answers.csv")}})
	}
}

// node installs the script's packages in the scratch folder; why tells what is missing.
func (b *bench) node(ctx context.Context) (script, why string, err error) {
	if _, err := exec.LookPath("node"); err != nil {
		return "", "no node", nil
	}
	dir := filepath.Join(b.work, "node")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", "", err
	}
	for _, f := range []string{"package.json", "run.mjs"} {
		text, err := os.ReadFile(filepath.Join(b.source, "node", f))
		if err != nil {
			return "", "", err
		}
		if err := os.WriteFile(filepath.Join(dir, f), text, 0o644); err != nil {
			return "", "", err
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "undici")); err != nil {
		npm, err := exec.LookPath("npm")
		if err != nil {
			return "", "no npm", nil
		}
		install := exec.CommandContext(ctx, npm, "install", "--no-audit", "--no-fund")
		install.Dir = dir
		if err := install.Run(); err != nil {
			return "", "npm install failed in " + filepath.Join("bench", ".work", "node"), ctx.Err()
		}
	}
	return filepath.Join(dir, "run.mjs"), "", nil
}
