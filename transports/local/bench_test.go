//go:build unix

package local_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/navette-connect/navette/transports"
	"github.com/navette-connect/navette/transports/local"
)

// BenchmarkList reads a folder of 50,000 files and asks the settler about them, as each wake does.
func BenchmarkList(b *testing.B) {
	dir := b.TempDir()
	for i := range 50_000 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("FACT_20261120_%06d.csv", i)), []byte("x"), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	box := local.New(local.Options{})
	b.Run("list", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			files, err := box.List(b.Context(), dir)
			if err != nil || len(files) != 50_000 {
				b.Fatalf("List: %d files, %v", len(files), err)
			}
		}
	})
	b.Run("settle", func(b *testing.B) {
		files, err := box.List(b.Context(), dir)
		if err != nil {
			b.Fatal(err)
		}
		var s transports.Settler
		now := time.Now()
		for b.Loop() {
			now = now.Add(time.Second)
			s.Observe(now, files, transports.Rules{Match: []string{"*.csv"}, MatchCase: true, Quiet: 3 * time.Second})
		}
	})
	b.Run("publish", func(b *testing.B) {
		out := b.TempDir()
		for i := 0; b.Loop(); i++ {
			if err := box.Publish(b.Context(), box.Join(out, fmt.Sprint(i)), strings.NewReader("x"), 0o640); err != nil {
				b.Fatal(err)
			}
		}
	})
}
