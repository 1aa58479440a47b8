package main

import (
	"context"
	"fmt"
)

// memory asks whether a file a hundred times as long needs more of it.
func (b *bench) memory(ctx context.Context) error {
	small := min(10000, b.big/50)
	s, err := b.startSink(ctx)
	if err != nil {
		return err
	}
	defer s.stop()
	var rss []float64
	for _, n := range []int{small, b.big} {
		t, err := b.try(ctx, rival{"navette", b.runNavette}, s, n)
		if err != nil {
			return err
		}
		rss = append(rss, t.rss)
		b.report.judge(fmt.Sprintf("peak RSS, %d rows", n), fmt.Sprintf("%.0f MiB (%.0f us of CPU a row, %.0f rows/s at the sink, %.0f from start to exit)",
			t.rss, t.per(), t.rate(), t.whole()), "<= 64 MiB", t.rss <= 64)
	}
	b.report.atMost(fmt.Sprintf("peak RSS, %d rows / %d rows", b.big, small), rss[1]/max(rss[0], 1), 1.3,
		fmt.Sprintf("%.0f to %.0f MiB", rss[1], rss[0]))
	return nil
}
