package main

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/payment"
)

// keys lists the JSON keys of a struct, in order.
func keys(v any) (list []string) {
	t := reflect.TypeOf(v)
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); name != "" {
			list = append(list, name)
		}
	}
	return list
}

// The contract's keys are what scripts rely on: all of them are there, others may be added.
func TestJSONKeys(t *testing.T) {
	tests := []struct {
		what string
		view any
		want string
	}{
		{"check FILE", checkView{}, "file flow mapping rows left_out accepted held rejected skipped duplicate total errors"},
		{"check FILE, an error", finding{}, "line column letter code rule value message"},
		{"where", whereView{}, "reference instructions rows"},
		{"where, an instruction", instructionView{}, "id flow file line kind operation part amount currency state payment_id transaction_id link events returns"},
		{"where, an event", eventView{}, "at state code message"},
		{"rows", rowView{}, "id flow file line kind reference state code"},
		{"files", fileView{}, "id flow name sha256 state code received_at rows returns"},
		{"files, a return", returnView{}, "id kind name state"},
		{"status", statusView{}, "version flows gateways transports"},
		{"status, a flow", flowStatus{}, "files rows paused last_file_at"},
		{"status, a gateway", gatewayStatus{}, "account mode stopped waiting"},
	}
	for _, tt := range tests {
		got := keys(tt.view)
		for want := range strings.FieldsSeq(tt.want) {
			if !slices.Contains(got, want) {
				t.Errorf("%s: keys %q, want %q among them", tt.what, got, want)
			}
		}
	}
}

// Ids are texts, absent lists are empty and not null, and times without a value are null or "".
func TestJSONValues(t *testing.T) {
	tests := []struct {
		what  string
		value any
		want  string
	}{
		{"a row", viewOf(journal.Entry{RowID: 12, Line: 4, Flow: "f", File: "a.csv", Kind: "request", Reference: "A-1", State: "open"}),
			`{"id":"r12","flow":"f","file":"a.csv","line":4,"kind":"request","reference":"A-1","state":"open","code":"","message":""}`},
		{"a return", viewReturn(journal.Delivery{ID: 5, Kind: "ack", Name: "a.ack.csv", State: "fixed"}, clock{time.UTC}),
			`{"id":"d5","kind":"ack","name":"a.ack.csv","state":"fixed","published_at":""}`},
		{"no rejects among an instruction's returns", writtenTo([]journal.Delivery{{ID: 1, Kind: "rejects"}, {ID: 2, Kind: "rejects:mend"}}, nil, clock{time.UTC}), `[]`},
		{"a flow without a file", flowStatus{Files: map[string]int64{}, Rows: map[string]int64{}},
			`{"files":{},"rows":{},"paused":false,"pause":"","last_file_at":null,"gateway":"","mapping":"","due_at":null}`},
		{"an empty tally", (&tally{errors: newFindings(0, "en"), holds: newFindings(0, "en"), warnings: newFindings(0, "en"), leftAside: newFindings(0, "en")}).view(&sample{name: "a.csv"}, "m"),
			`{"file":"a.csv","flow":"","mapping":"m","rows":0,"left_out":0,"accepted":0,"held":0,"rejected":0,"skipped":0,"duplicate":0,"total":{},"errors":[],"holds":[],"warnings":[],"skips":[],"counts":{},"unusable":false}`},
	}
	for _, tt := range tests {
		got, err := json.Marshal(tt.value)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.what, got, tt.want)
		}
	}
}

// A return of events tells of an instruction only if it was written behind one of its events.
func TestWrittenTo(t *testing.T) {
	deliveries := []journal.Delivery{
		{ID: 1, Kind: "ack", FixedAt: 10}, {ID: 2, Kind: "rejects", FixedAt: 10}, {ID: 3, Kind: "event:state", FixedAt: 20},
		{ID: 4, Kind: "event:state", FixedAt: 30}, {ID: 5, Kind: "event:state", FixedAt: 40}, {ID: 6, Kind: "result", FixedAt: 40},
	}
	tests := []struct {
		recorded []int64
		want     []string
	}{
		{nil, []string{"d1", "d6"}},
		{[]int64{15}, []string{"d1", "d3", "d6"}},
		{[]int64{20, 31}, []string{"d1", "d3", "d5", "d6"}},
		{[]int64{50}, []string{"d1", "d6"}},
	}
	for _, tt := range tests {
		var events []journal.Event
		for _, at := range tt.recorded {
			events = append(events, journal.Event{RecordedAt: at})
		}
		var got []string
		for _, r := range writtenTo(deliveries, events, clock{time.UTC}) {
			got = append(got, r.ID)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("events recorded at %v are written to %q, want %q", tt.recorded, got, tt.want)
		}
	}
}

// What happened is told in order: taken, sent, then the events.
func TestHistory(t *testing.T) {
	file := &journal.File{JudgedAt: 10}
	tests := []struct {
		what   string
		item   journal.Item
		events []journal.Event
		want   string
	}{
		{"just taken", journal.Item{State: payment.Accepted}, nil, "accepted"},
		{"held", journal.Item{State: payment.Held}, nil, "held"},
		{"in flight", journal.Item{State: payment.Sending, SentAt: 20}, nil, "accepted sending"},
		{"sent", journal.Item{State: payment.Open, SentAt: 20}, []journal.Event{{Word: "sent", State: payment.Open, Previous: payment.Sending, RecordedAt: 30}}, "accepted sending open"},
		{"released", journal.Item{State: payment.Paid, SentAt: 30}, []journal.Event{
			{Word: "released", State: payment.Accepted, Previous: payment.Held, RecordedAt: 20},
			{Word: "sent", State: payment.Open, Previous: payment.Sending, RecordedAt: 40},
			{Word: "paid", State: payment.Paid, Previous: payment.Open, RecordedAt: 50}}, "held accepted sending open paid"},
	}
	for _, tt := range tests {
		var got []string
		for _, e := range history(&tt.item, file, tt.events, clock{time.UTC}) {
			got = append(got, e.State)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %q, want %q", tt.what, got, tt.want)
		}
	}
}
