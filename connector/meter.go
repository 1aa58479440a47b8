package connector

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/payment"
)

// Meter counts what happens, for Prometheus. Labels never hold customers, references or addresses.
type Meter struct {
	files, rowsTotal, operations, returns, conflicts *prometheus.CounterVec
	requests                                         *prometheus.HistogramVec
	lastFile                                         *prometheus.GaugeVec
	up                                               *prometheus.GaugeVec
}

// NewMeter registers the metrics.
func NewMeter(reg prometheus.Registerer) *Meter {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		reg.MustRegister(c)
		return c
	}
	m := &Meter{
		files:      counter("navette_files_total", "Files judged, by what became of them.", "flow", "result"),
		rowsTotal:  counter("navette_rows_total", "Rows judged, by what became of them.", "flow", "result"),
		operations: counter("navette_operations_total", "Instructions answered by gateways, by state.", "gateway", "result"),
		returns:    counter("navette_returns_total", "Return files published, by kind.", "flow", "kind"),
		conflicts:  counter("navette_conflicts_total", "News of a PSP that contradict what is known.", "gateway"),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "navette_psp_request_duration_seconds", Help: "Exchanges with gateways.",
			Buckets: []float64{.005, .02, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}}, []string{"gateway", "call", "verdict"}),
		lastFile: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "navette_last_file_timestamp_seconds", Help: "When the last file of a flow was judged."}, []string{"flow"}),
		up:       prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "navette_transport_up", Help: "1 when a flow's folder could be listed."}, []string{"flow"}),
	}
	reg.MustRegister(m.requests, m.lastFile, m.up)
	return m
}

func (m *Meter) file(flow, result string) {
	if m == nil {
		return
	}
	m.files.WithLabelValues(flow, result).Inc()
	m.lastFile.WithLabelValues(flow).SetToCurrentTime()
}

func (m *Meter) rows(f *journal.File) {
	if m == nil {
		return
	}
	for result, n := range map[string]int64{journal.RowAccepted: f.Accepted, journal.RowHeld: f.Held, journal.RowRejected: f.Rejected, journal.RowSkipped: f.Skipped, journal.RowDuplicate: f.DuplicateRows} {
		m.rowsTotal.WithLabelValues(f.Flow, result).Add(float64(n))
	}
}

func (m *Meter) exchange(gateway, call, verdict string, took time.Duration) {
	if m != nil {
		m.requests.WithLabelValues(gateway, call, verdict).Observe(took.Seconds())
	}
}

func (m *Meter) answered(gateway string, batch []journal.Answer) {
	if m == nil {
		return
	}
	counts := map[payment.State]int{}
	for i := range batch {
		counts[batch[i].State]++
	}
	for state, n := range counts {
		m.operations.WithLabelValues(gateway, string(state)).Add(float64(n))
	}
}

func (m *Meter) published(flow, kind string) {
	if m != nil {
		kind, _, _ = strings.Cut(kind, ":")
		m.returns.WithLabelValues(flow, kind).Inc()
	}
}

func (m *Meter) conflict(gateway string) {
	if m != nil {
		m.conflicts.WithLabelValues(gateway).Inc()
	}
}

func (m *Meter) listed(flow string, ok bool) {
	if m == nil {
		return
	}
	v := 0.0
	if ok {
		v = 1
	}
	m.up.WithLabelValues(flow).Set(v)
}
