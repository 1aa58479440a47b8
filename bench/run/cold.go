package main

import (
	"context"
	"fmt"
	"os"
)

// cold tells how long the smallest command takes, and the size of the binary.
func (b *bench) cold(ctx context.Context) error {
	h, err := b.newHome("cold", gatewaySettings{url: "http://127.0.0.1:1", inflight: 1, settle: b.settle})
	if err != nil {
		return err
	}
	var wall []float64
	for range 20 {
		u, err := b.measure(ctx, process{name: "cold", path: b.navette, args: []string{"version"}, env: h.env()})
		if err != nil {
			return err
		}
		if u.exit != 0 {
			return fmt.Errorf("navette version ended with %d (%s)", u.exit, u.log)
		}
		wall = append(wall, u.wall.Seconds()*1000)
	}
	f, err := os.Stat(b.navette)
	if err != nil {
		return err
	}
	b.report.tell("cold start, navette version", fmt.Sprintf("%.1f ms", median(wall)))
	b.report.tell("size of the binary", fmt.Sprintf("%.1f MB", float64(f.Size())/1e6))
	return nil
}
