package connector

import (
	"testing"
	"time"

	"github.com/navette-connect/navette/connector/config"
)

func TestLate(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	at := func(s string) time.Time {
		if s == "" {
			return time.Time{}
		}
		when, err := time.ParseInLocation("2006-01-02 15:04", s, paris)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	const weekdays = 0b0111110
	daily := config.Expect{Every: 24 * time.Hour}
	work := config.Expect{Every: 24 * time.Hour, Days: weekdays}
	by := config.Expect{By: "18:00", Days: weekdays}
	tests := []struct { // 20 November 2026 is a Friday
		name             string
		e                config.Expect
		last, since, now string
		due              string // "" : not late
	}{
		{"nothing expected", config.Expect{}, "2026-01-01 00:00", "", "2026-11-20 12:00", ""},
		{"in time", daily, "2026-11-19 13:00", "", "2026-11-20 12:00", ""},
		{"a day and more", daily, "2026-11-19 11:00", "", "2026-11-20 12:00", "2026-11-20 11:00"},
		{"never a file, just begun", daily, "", "2026-11-20 11:00", "2026-11-20 12:00", ""},
		{"never a file, watched for long", daily, "", "2026-11-18 11:00", "2026-11-20 12:00", "2026-11-19 11:00"},
		{"nothing known", daily, "", "", "2026-11-20 12:00", ""},
		{"the week's end does not count", work, "2026-11-20 09:00", "", "2026-11-23 08:59", ""},
		{"Monday counts", work, "2026-11-20 09:00", "", "2026-11-23 09:01", "2026-11-23 09:00"},
		{"the long night of October", daily, "2026-10-24 12:00", "", "2026-10-25 11:30", "2026-10-25 11:00"},
		{"before the hour", by, "2026-11-19 17:00", "", "2026-11-20 17:59", ""},
		{"after the hour", by, "2026-11-19 17:00", "", "2026-11-20 18:01", "2026-11-20 18:00"},
		{"came today", by, "2026-11-20 09:00", "", "2026-11-20 18:01", ""},
		{"came late, and is here now", by, "2026-11-20 19:00", "", "2026-11-20 20:00", ""},
		{"Saturday asks for nothing new", by, "2026-11-20 17:00", "", "2026-11-21 20:00", ""},
		{"Saturday still misses Friday's", by, "2026-11-19 17:00", "", "2026-11-21 20:00", "2026-11-20 18:00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			due, late := Late(tt.e, at(tt.last), at(tt.since), at(tt.now))
			if late != (tt.due != "") || late && !due.Equal(at(tt.due)) {
				t.Errorf("late %v since %v, want %q", late, due, tt.due)
			}
		})
	}
}

func TestStalled(t *testing.T) {
	p := newPulses([]string{"a", "b"})
	p.rest("a", 0)
	p.rest("b", time.Hour)
	p.rest("nobody", time.Hour)
	tests := []struct {
		after time.Duration
		want  int
	}{{0, 0}, {patience - time.Minute, 0}, {patience + time.Minute, 1}, {time.Hour + patience - time.Minute, 1}, {time.Hour + patience + time.Minute, 2}}
	for _, tt := range tests {
		if got := p.stalled(tt.after); len(got) != tt.want {
			t.Errorf("after %v: %v stalled, want %d of them", tt.after, got, tt.want)
		}
	}
}
