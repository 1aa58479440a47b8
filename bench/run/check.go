package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/text/encoding/charmap"
)

// checkSmall is the size of the small file that memory is compared with, in rows.
const checkSmall = 10_000

// check reads a large file with `navette check` and with encoding/csv alone, in turn, and looks at the memory that a
// file a hundred times larger takes.
func (b *bench) check(ctx context.Context) error {
	large, err := b.data(ctx, b.big)
	if err != nil {
		return err
	}
	small, err := b.data(ctx, checkSmall)
	if err != nil {
		return err
	}
	var ratios, ours, theirs, peaks, smallPeaks []float64
	for range b.pairs {
		started := time.Now()
		n, err := readRaw(large)
		if err != nil {
			return err
		}
		raw := float64(n) / time.Since(started).Seconds()
		u, err := b.checked(ctx, large)
		if err != nil {
			return err
		}
		rate := float64(n) / u.wall.Seconds()
		ratios, ours, theirs, peaks = append(ratios, rate/raw), append(ours, rate), append(theirs, raw), append(peaks, u.rss)
		if u, err = b.checked(ctx, small); err != nil {
			return err
		}
		smallPeaks = append(smallPeaks, u.rss)
	}
	b.report.atLeast("check, rows/s over encoding/csv", median(ratios), 0.4,
		fmt.Sprintf("%.0f and %.0f rows/s, %d rows", median(ours), median(theirs), b.big))
	b.report.atMost("check, peak RSS of the large file over the small one", median(peaks)/median(smallPeaks), 1.3,
		fmt.Sprintf("%.1f and %.1f MiB, %d and %d rows", median(peaks), median(smallPeaks), b.big, checkSmall))
	return nil
}

// checked runs `navette check` on a file.
func (b *bench) checked(ctx context.Context, file string) (usage, error) {
	u, err := b.measure(ctx, process{name: "check", path: b.navette,
		args: []string{"check", "--mapping", filepath.Join(b.source, "navette", "mappings", "bench.yaml"), file}})
	if err == nil && u.exit != 0 {
		err = fmt.Errorf("navette check ended with %d (%s)", u.exit, u.log)
	}
	return u, err
}

// readRaw reads a file as the standard library does it quickest, behind the decoder it needs, and counts the data rows.
func readRaw(path string) (int, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	r := csv.NewReader(charmap.Windows1252.NewDecoder().Reader(f))
	r.Comma, r.ReuseRecord = ';', true
	for n := -1; ; n++ {
		if _, err := r.Read(); errors.Is(err, io.EOF) {
			return n, nil
		} else if err != nil {
			return n, err
		}
	}
}
