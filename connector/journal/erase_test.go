package journal

import (
	"fmt"
	"slices"
	"testing"
)

// A batch of events told what was recorded before it was fixed, or, recorded while it was written, the next one did.
func TestTelling(t *testing.T) {
	batch := func(id int64, kind string, at int64) Delivery { return Delivery{ID: id, Kind: kind, FixedAt: at} }
	batches := []Delivery{batch(1, "daily:d", 100), batch(2, "event:a", 10), batch(3, "event:a", 20), batch(4, "event:a", 20), batch(5, "event:a", 30), batch(6, "event:a", 40)}
	for _, tt := range []struct {
		at   []int64
		want []int64
	}{
		{nil, nil},
		{[]int64{5}, []int64{1, 2, 3, 4}},
		{[]int64{15}, []int64{1, 3, 4, 5}},
		{[]int64{20}, []int64{1, 3, 4, 5}},
		{[]int64{35}, []int64{1, 6}},
		{[]int64{5, 35}, []int64{1, 2, 3, 4, 6}},
		{[]int64{41}, []int64{1}},
		{[]int64{101}, nil},
	} {
		t.Run(fmt.Sprint(tt.at), func(t *testing.T) {
			var got []int64
			for _, d := range telling(batches, tt.at) {
				got = append(got, d.ID)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("telling(%v) = %v, want %v", tt.at, got, tt.want)
			}
		})
	}
}

// What the accounts know a payment by stays in its body.
func TestStripBody(t *testing.T) {
	var body, want []byte
	for _, p := range [][2]string{{"due_on", "2026-12-01"}, {"label", "for Jane"}, {"reason", "Jane asked"}, {"payment_id", "pr_1"}, {"m.note", "Jane"}, {"shop", "Jane's"}, {"key", "K1"}} {
		body = appendPair(body, p[0], p[1])
		if p[0] == "due_on" || p[0] == "payment_id" || p[0] == "key" {
			want = appendPair(want, p[0], p[1])
		}
	}
	if got := stripBody(body); string(got) != string(want) {
		t.Errorf("stripBody(%q) = %q, want %q", body, got, want)
	}
	if stripBody(nil) != nil {
		t.Error("a body that stands elsewhere must stay NULL")
	}
}

// An address is found in a source whatever the width of its letters.
func TestHeldOf(t *testing.T) {
	wide := func(s string, low bool) (b []byte) {
		for _, c := range []byte(s) {
			if low {
				b = append(b, c, 0)
			} else {
				b = append(b, 0, c)
			}
		}
		return b
	}
	for _, tt := range []struct {
		name string
		h    Held
		id   string
		want bool
	}{
		{"utf-8", Held{Raw: []byte("x;Jane@Example.com;é")}, "jane@example.COM", true},
		{"utf-16le", Held{Raw: wide("x;Jane@Example.com", true)}, "jane@example.com", true},
		{"utf-16be", Held{Raw: wide("x;Jane@Example.com", false)}, "jane@example.com", true},
		{"fields alone", Held{Fields: []byte("\x01t\x0ecustomer.email\x10jane@example.com")}, "jane@example.com", true},
		{"another", Held{Raw: []byte("x;john@example.com")}, "jane@example.com", false},
		{"nothing", Held{Raw: []byte("x")}, "", false},
	} {
		if got := tt.h.of(tt.id); got != tt.want {
			t.Errorf("%s: of(%q) = %v, want %v", tt.name, tt.id, got, tt.want)
		}
	}
}
