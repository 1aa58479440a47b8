package connector

import (
	"math"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/payment"
)

// Meter counts what happens, for Prometheus. Labels never hold customers, references or addresses. Counters begin at 0 with
// the process; what waits is read from the journal every few seconds.
type Meter struct {
	files, rowsTotal, operations, returns, conflicts, words, money *prometheus.CounterVec
	requests                                                       *prometheus.HistogramVec
	lastFile, up, unfinished, paused, fileAge, rowAge, outboxAge   *prometheus.GaugeVec
	missing, left, open, retries                                   *prometheus.GaugeVec
	trouble, free, floor, reloaded, reloadedAt                     prometheus.Gauge
}

// NewMeter registers the metrics. docs/metrics.md lists them.
func NewMeter(reg prometheus.Registerer, version string) *Meter {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		reg.MustRegister(c)
		return c
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
		reg.MustRegister(g)
		return g
	}
	single := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
		reg.MustRegister(g)
		return g
	}
	m := &Meter{
		files:      counter("navette_files_total", "Files judged, by what became of them.", "flow", "result"),
		rowsTotal:  counter("navette_rows_total", "Rows judged, by what their mapping makes of them and what became of them.", "flow", "kind", "result"),
		operations: counter("navette_operations_total", "Instructions answered by gateways, by operation (request: a payment request) and state.", "gateway", "operation", "result"),
		returns:    counter("navette_returns_total", "Return files published, by kind.", "flow", "kind"),
		conflicts:  counter("navette_conflicts_total", "News of a PSP that contradict what is known.", "gateway"),
		words:      counter("navette_events_total", "Events of instructions, by word (sent, paid, refused…).", "flow", "event"),
		money:      counter("navette_amount_total", "Amounts of events, in units of the currency.", "flow", "event", "currency"),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "navette_psp_request_duration_seconds", Help: "Exchanges with gateways.",
			Buckets: []float64{.005, .02, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}}, []string{"gateway", "call", "verdict"}),
		lastFile:   gauge("navette_last_file_timestamp_seconds", "When the last file of a flow came; 0: none yet.", "flow"),
		up:         gauge("navette_transport_up", "1 when a flow's folder could be listed.", "flow"),
		unfinished: gauge("navette_requests", "Instructions that are not finished, by state: accepted (not sent yet), held, sending, uncertain, pending.", "flow", "state"),
		paused:     gauge("navette_flow_paused", "1 while a person has paused the flow.", "flow"),
		fileAge:    gauge("navette_oldest_file_seconds", "Age of the oldest file that waits to be taken, read or released; 0: none.", "flow"),
		rowAge:     gauge("navette_oldest_row_seconds", "Age of the oldest row that waits for the gateway's answer; 0: none.", "flow"),
		outboxAge:  gauge("navette_outbox_oldest_seconds", "Age of the oldest return that is written and not published; 0: none.", "flow"),
		missing:    gauge("navette_file_late", "1 while a file that the flow expects has not come.", "flow"),
		left:       gauge("navette_returns_uncollected", "Returns that the ERP has left in the folder for longer than the flow expects.", "flow"),
		open:       gauge("navette_gateway_up", "0 while a gateway is stopped (it refused the credentials, or nothing of it could be understood).", "gateway"),
		retries:    gauge("navette_retry_scheduled", "Instructions in doubt whose look-up is due at some time.", "gateway"),
		trouble:    single("navette_troubles", "What does not work now; the log names each."),
		free:       single("navette_state_free_bytes", "Free space of the state directory."),
		floor:      single("navette_state_floor_bytes", "Free space below which nothing is taken."),
		reloaded:   single("navette_config_last_reload_successful", "1 when the configuration read last is in force."),
		reloadedAt: single("navette_config_last_reload_timestamp_seconds", "When the configuration in force was read."),
	}
	gauge("navette_build_info", "1, with the version.", "version").WithLabelValues(version).Set(1)
	reg.MustRegister(m.requests)
	m.Reloaded(true)
	return m
}

func (m *Meter) file(flow, result string) {
	if m == nil {
		return
	}
	m.files.WithLabelValues(flow, result).Inc()
}

func (m *Meter) rows(f *journal.File, kind string) {
	if m == nil {
		return
	}
	for result, n := range map[string]int64{journal.RowAccepted: f.Accepted, journal.RowHeld: f.Held, journal.RowRejected: f.Rejected, journal.RowSkipped: f.Skipped, journal.RowDuplicate: f.DuplicateRows} {
		m.rowsTotal.WithLabelValues(f.Flow, kind, result).Add(float64(n))
	}
}

func (m *Meter) exchange(gateway, call, verdict string, took time.Duration) {
	if m != nil {
		m.requests.WithLabelValues(gateway, call, verdict).Observe(took.Seconds())
	}
}

func (m *Meter) answered(gateway string, in *payment.Instruction, state payment.State) {
	if m == nil {
		return
	}
	operation := string(in.Operation)
	if in.Kind == payment.Request {
		operation = "request"
	}
	m.operations.WithLabelValues(gateway, operation, string(state)).Inc()
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

// Reloaded notes whether the configuration that was read last is in force.
func (m *Meter) Reloaded(ok bool) {
	if m == nil {
		return
	}
	m.reloaded.Set(number(ok))
	if ok {
		m.reloadedAt.SetToCurrentTime()
	}
}

func (m *Meter) gateway(name string, open bool, retries int64) {
	if m != nil {
		m.open.WithLabelValues(name).Set(number(open))
		m.retries.WithLabelValues(name).Set(float64(retries))
	}
}

// waiting notes what waits in a flow: instructions by state, and ages in seconds.
func (m *Meter) waiting(flow string, states map[string]int64, paused bool, lastFile int64, file, row, outbox float64) {
	if m == nil {
		return
	}
	for _, s := range []payment.State{payment.Accepted, payment.Held, payment.Sending, payment.Uncertain, payment.Pending} {
		m.unfinished.WithLabelValues(flow, string(s)).Set(float64(states[string(s)]))
	}
	m.paused.WithLabelValues(flow).Set(number(paused))
	m.lastFile.WithLabelValues(flow).Set(float64(lastFile) / 1e6)
	m.fileAge.WithLabelValues(flow).Set(file)
	m.rowAge.WithLabelValues(flow).Set(row)
	m.outboxAge.WithLabelValues(flow).Set(outbox)
}

func (m *Meter) late(flow string, late bool) {
	if m != nil {
		m.missing.WithLabelValues(flow).Set(number(late))
	}
}

func (m *Meter) uncollected(flow string, n int) {
	if m != nil {
		m.left.WithLabelValues(flow).Set(float64(n))
	}
}

func (m *Meter) event(s journal.EventSum) {
	m.words.WithLabelValues(s.Flow, s.Word).Add(float64(s.N))
	if decimals, err := payment.Exponent(s.Currency); err == nil && s.Minor > 0 {
		m.money.WithLabelValues(s.Flow, s.Word, s.Currency).Add(float64(s.Minor) / math.Pow10(decimals))
	}
}

func (m *Meter) troubles(n int) {
	if m != nil {
		m.trouble.Set(float64(n))
	}
}

func (m *Meter) disk(free, floor int64) {
	if m != nil {
		m.free.Set(float64(free))
		m.floor.Set(float64(floor))
	}
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
