package connector

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/connector/journal"
)

// metaWatched + a flow's name is since when a file is expected of a flow that has had none, microseconds since 1970.
const metaWatched = "expected."

// Missing tells since when the next file of a flow is missing, as the journal knows it; false while it is not. now is in the
// zone that hours and days are meant in.
func Missing(ctx context.Context, j *journal.Journal, f *config.Flow, known journal.Flow, now time.Time) (due time.Time, late bool, err error) {
	if f.Expect == (config.Expect{}) {
		return time.Time{}, false, nil
	}
	if known.LastFileAt > 0 {
		due, late = Late(f.Expect, journal.Time(known.LastFileAt), time.Time{}, now)
		return due, late, nil
	}
	text, err := j.Meta(ctx, metaWatched+f.Name)
	if err != nil || text == "" {
		return time.Time{}, false, err
	}
	since, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, false, fmt.Errorf("%s%s in the journal: %w", metaWatched, f.Name, err)
	}
	due, late = Late(f.Expect, time.Time{}, journal.Time(since), now)
	return due, late, nil
}

// Late tells since when a flow's next file is missing; false while it is not. last is when its last file came, since when
// it is watched (either may be zero); now is in the zone that hours and days are meant in.
func Late(e config.Expect, last, since, now time.Time) (due time.Time, late bool) {
	from := last
	if since.After(from) {
		from = since
	}
	if from.IsZero() {
		return time.Time{}, false
	}
	if e.Every > 0 {
		if due := within(e, from.In(now.Location()), e.Every); now.After(due) {
			return due, true
		}
	}
	if e.By != "" {
		due := moment(e, now)
		if before := moment(e, due.Add(-time.Second)); !due.IsZero() && !from.After(before) && from.Before(due) {
			return due, true
		}
	}
	return time.Time{}, false
}

// within is the moment when d has passed since from, counting the expected days alone.
func within(e config.Expect, from time.Time, d time.Duration) time.Time {
	for range 4000 { // days: more than any configuration asks for
		next := time.Date(from.Year(), from.Month(), from.Day()+1, 0, 0, 0, 0, from.Location())
		if e.On(from.Weekday()) {
			if left := next.Sub(from); left >= d {
				return from.Add(d)
			}
			d -= next.Sub(from)
		}
		from = next
	}
	return from
}

// moment is the last time, at or before now, by which a file was expected.
func moment(e config.Expect, now time.Time) time.Time {
	at, err := time.Parse("15:04", e.By)
	if err != nil {
		return time.Time{}
	}
	for back := range 15 {
		t := time.Date(now.Year(), now.Month(), now.Day()-back, at.Hour(), at.Minute(), 0, 0, now.Location())
		if !t.After(now) && e.On(t.Weekday()) {
			return t
		}
	}
	return time.Time{}
}
