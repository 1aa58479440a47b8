package simkit

import (
	"testing"
	"time"
)

func TestFaults(t *testing.T) {
	for f, want := range map[Fault]struct {
		code   int
		effect bool
		known  bool
	}{"": {known: true}, Lost: {known: true}, "503": {503, false, true}, "done-500": {500, true, true}, "200": {}, "done-": {}, "0503": {}, "code-60": {}} {
		if code, effect := f.Status(); code != want.code || effect != want.effect || f.Known() != want.known {
			t.Errorf("%q: %d, %v, known %v; want %+v", f, code, effect, f.Known(), want)
		}
	}
	chance := 0.25
	draw := func() float64 { return chance }
	every, share := map[Fault]int{"503": 3}, map[Fault]float64{"cut": 0.2, "lost": 0.2}
	for n, want := range map[int]Fault{1: "lost", 3: "503", 6: "503"} {
		if got := Pick(n, every, share, draw); got != want {
			t.Errorf("call %d: %q, want %q", n, got, want)
		}
	}
	if chance = 0.5; Pick(1, every, share, draw) != "" {
		t.Error("a chance beyond all shares is a fault")
	}
}

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{"2s": 2 * time.Second, "150ms": 150 * time.Millisecond, "-1s": -1, "2": -1} {
		var d Duration
		if err := d.UnmarshalText([]byte(text)); (err != nil) != (want < 0) || err == nil && time.Duration(d) != want {
			t.Errorf("%q: %v, %v", text, time.Duration(d), err)
		}
	}
}
