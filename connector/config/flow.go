package config

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/navette-connect/navette/connector/message"
)

// Flow is one exchange: an inbound folder, a mapping, a gateway, an outbound folder.
type Flow struct {
	Name                                 string
	Transport                            string   // of In, Done, Rejected
	OutTransport                         string   // of Out; Transport where not given
	In, Out, Done, Rejected              string   // absolute
	Match                                []string // patterns; none = everything not ignored
	MatchCase                            bool
	Quiet                                time.Duration
	Marker                               string
	Poll                                 time.Duration
	Mapping                              string
	Gateway                              string
	OnError                              string // reject_row | reject_file
	OnKnown                              string // ignore | replace_unpaid | reject
	OnEnded                              string // ignore | renew
	Limits                               Limits
	Returns                              []string      // ack, rejects, result, status
	StatusEvery, MaxAge, Delay, Patience time.Duration // MaxAge 0: no file is too old
	FirstFile                            string        // hold | send; default by the gateway's mode
	Namespace                            string
	FileMode                             uint32 // 0: as the server gives it
	OutMarker                            string // suffix of the empty file that follows each return, "" for none
	Order                                string // arrival | name
	FourEyes                             string // "none" or a decimal amount in each file's currency
	Decisions                            string // absolute, "" for none
	Expect                               Expect
}

// Expect is what a flow expects of the ERP; what does not happen in time is told (NV-3021, NV-3022). Zero: nothing.
type Expect struct {
	Every   time.Duration // a file comes at least so often
	By      string        // a file comes by this hour ("18:00") of each day
	Days    uint8         // days that Every and By count, bit 0 Sunday; 0: all
	Collect time.Duration // returns are taken away within
}

// On tells whether a day counts.
func (e Expect) On(d time.Weekday) bool { return e.Days == 0 || e.Days&(1<<d) != 0 }

// Limits of a flow; beyond them a file or row is held (NV-1504). Zero: no limit.
type Limits struct {
	Bytes         int64
	Rows          int
	Amount, Total string // decimals ("50000.00") compared in each currency; "" or "none": no limit
}

func (b *builder) flows(section *object, c *Config, presets []string) map[string]*Flow {
	all := map[string]*Flow{}
	b.named(section, func(name string, o *object) {
		f := &Flow{Name: name}
		all[name] = f
		o.require("in", "out", "mapping", "gateway")
		o.places(f, c)
		o.intake(f)
		g := o.uses(f, c, presets)
		o.decides(f, g)
		o.limits(f, g)
		o.gives(f)
		o.expects(f)
		o.folders(f)
	})
	return all
}

// places reads transports and folders.
func (o *object) places(f *Flow, c *Config) {
	transport := func(key, def string) string {
		name := o.text(key, def)
		if it := o.take(key); it != nil && name != "" && c.Transports[name] == nil {
			o.b.fail(it.value, o.key(key), "NV-4005", message.New("NV-4005.transport", "name", name, "known", known(c.Transports)))
		}
		return name
	}
	f.Transport = transport("transport", "local")
	f.OutTransport = transport("out_transport", f.Transport)
	folder := func(key, def string) string {
		if def == "" && o.take(key) == nil {
			return ""
		}
		return o.path(key, def)
	}
	f.In, f.Out = folder("in", ""), folder("out", "")
	beside := func(name string) string {
		if f.In == "" || f.In == "/" {
			return ""
		}
		return filepath.Join(filepath.Dir(f.In), name)
	}
	f.Done, f.Rejected = folder("done", beside("done")), folder("rejected", beside("rejected"))
	f.Decisions = folder("decisions", "")
}

// intake reads which files are taken, and when.
func (o *object) intake(f *Flow) {
	w := want{`un motif comme "*.csv"`, `a pattern such as "*.csv"`}
	for _, e := range o.list("match", w) {
		if _, ok := parsePattern(e.text, true); !ok {
			o.b.fail(e.at, o.key("match"), "NV-4004", o.say("NV-4004.value", "match", "value", e.text, "expected.fr", w.fr, "expected.en", w.en))
			continue
		}
		f.Match = append(f.Match, e.text)
	}
	o.noteList("match", f.Match)
	f.MatchCase = o.boolean("match_case", "true")
	f.Quiet = o.duration("quiet", "3s", 0, day)
	f.Marker = parsed(o, "marker", "", want{`une fin de nom comme ".ok"`, `an end of a name such as ".ok"`}, suffix)
	f.Poll = o.duration("poll", "5s", time.Millisecond, 30*day)
	f.MaxAge = parsed(o, "max_age", "7d", want{wantDuration().fr + ", ou none", wantDuration().en + ", or none"}, func(s string) (time.Duration, bool) {
		if s == "none" {
			return 0, true
		}
		return parseDuration(s)
	})
	f.Order = o.choice("order", "arrival", "arrival", "name")
}

// suffix checks what markers add to a name.
func suffix(s string) (string, bool) {
	return s, len(s) <= 64 && !strings.ContainsAny(s, "/\\*?[") && s != "." && s != ".."
}

// uses reads the mapping and the gateway; nil when there is no such gateway.
func (o *object) uses(f *Flow, c *Config, presets []string) *Gateway {
	if it := o.take("mapping"); it != nil {
		f.Mapping = o.text("mapping", "")
		if c.Mappings[f.Mapping] == "" && !slices.Contains(presets, f.Mapping) && f.Mapping != "" {
			o.b.fail(it.value, o.key("mapping"), "NV-4005", message.New("NV-4005.mapping", "name", f.Mapping, "known", known(c.Mappings, presets...)))
		}
	}
	it := o.take("gateway")
	if it == nil {
		return nil
	}
	f.Gateway = o.text("gateway", "")
	g := c.Gateways[f.Gateway]
	if g == nil && f.Gateway != "" {
		o.b.fail(it.value, o.key("gateway"), "NV-4005", message.New("NV-4005.gateway", "name", f.Gateway, "known", known(c.Gateways)))
	}
	return g
}

// decides reads how rows are judged.
func (o *object) decides(f *Flow, g *Gateway) {
	f.OnError = o.choice("on_error", "reject_row", "reject_row", "reject_file")
	f.OnKnown = o.choice("on_known", "ignore", "ignore", "replace_unpaid", "reject")
	f.OnEnded = o.choice("on_ended", "ignore", "ignore", "renew")
	first := "send"
	if g == nil || g.Mode != "test" { // in doubt a person looks
		first = "hold"
	}
	f.FirstFile = o.choice("first_file", first, "hold", "send")
	f.Namespace = parsed(o, "namespace", "", wantName(), func(s string) (string, bool) { return s, s == "" || validName(s) })
	f.FourEyes = parsed(o, "four_eyes", "none", wantAmount(), parseAmount)
	f.Delay = o.duration("delay", "0s", 0, 365*day)
	f.Patience = o.duration("patience", "30m", 0, 365*day)
}

// limits reads the bounds; production must say the two that are about money.
func (o *object) limits(f *Flow, g *Gateway) {
	l := o.object("limits")
	if l == nil {
		l = &object{b: o.b, name: o.key("limits"), at: o.at}
	}
	defer l.finish()
	none := func(w want) want { return want{w.fr + ", ou none", w.en + ", or none"} }
	f.Limits.Bytes = parsed(l, "bytes", "200MB", none(wantSize()), func(s string) (int64, bool) {
		if s == "none" {
			return 0, true
		}
		n, ok := parseSize(s)
		return n, ok && n > 0
	})
	f.Limits.Rows = parsed(l, "rows", "1000000", none(want{"un nombre de lignes", "a number of rows"}), func(s string) (int, bool) {
		if s == "none" {
			return 0, true
		}
		n, ok := parseSize(s)
		return int(n), ok && n > 0 && n <= 1e9 && plainDecimal(s, 10, 0)
	})
	f.Limits.Amount = parsed(l, "amount", "none", wantAmount(), parseAmount)
	f.Limits.Total = parsed(l, "total", "none", wantAmount(), parseAmount)
	if g != nil && g.Production() {
		for _, key := range []string{"amount", "total"} {
			if l.take(key) == nil {
				l.fail(l.at, key, "NV-4008.missing", "flow", f.Name)
			}
		}
	}
	if below(f.Limits.Total, f.Limits.Amount) {
		o.b.warn(l.place("amount"), l.key("amount"), "NV-4004", l.say("NV-4004.beyond", "amount", "value", f.Limits.Amount,
			"other", l.key("total"), "limit", f.Limits.Total))
	}
}

// gives reads what goes back.
func (o *object) gives(f *Flow) {
	sorts := []string{"ack", "rejects", "result", "status"}
	if o.take("returns") == nil {
		f.Returns = sorts
	}
	w := want{strings.Join(sorts, ", "), strings.Join(sorts, ", ")}
	for _, e := range o.list("returns", w) {
		if !slices.Contains(sorts, e.text) {
			o.b.fail(e.at, o.key("returns"), "NV-4004", o.say("NV-4004.one_of", "returns", "value", e.text, "values", w.en))
		} else if !slices.Contains(f.Returns, e.text) {
			f.Returns = append(f.Returns, e.text)
		}
	}
	o.noteList("returns", f.Returns)
	f.StatusEvery = o.duration("status_every", "1m", 0, 365*day)
	if t := o.b.transport[f.OutTransport]; o.take("file_mode") != nil || t == nil || t.Type == "local" { // on a server only when it is asked for
		f.FileMode = parsed(o, "file_mode", "0640", wantFileMode(), parseFileMode)
	}
	f.OutMarker = parsed(o, "out_marker", "", want{`une fin de nom comme ".ok"`, `an end of a name such as ".ok"`}, suffix)
}

// expects reads what the ERP is to do in time.
func (o *object) expects(f *Flow) {
	e := o.object("expect")
	if e == nil {
		return
	}
	defer e.finish()
	f.Expect.Every = e.duration("every", "0s", 0, 365*day)
	f.Expect.By = parsed(e, "by", "", want{`une heure comme "18:00"`, `an hour such as "18:00"`}, func(s string) (string, bool) {
		_, err := time.Parse("15:04", s)
		return s, s == "" || err == nil
	})
	f.Expect.Days = parsed(e, "days", "all", want{"all, weekdays, ou des jours comme mon-fri ou mon,wed,sat", "all, weekdays, or days such as mon-fri or mon,wed,sat"}, parseDays)
	f.Expect.Collect = e.duration("collect", "0s", 0, 365*day)
}

// parseDays reads days of the week, one bit each: "all", "weekdays", "mon-fri", "mon,wed,sat".
func parseDays(s string) (days uint8, ok bool) {
	switch s {
	case "all":
		return 0, true
	case "weekdays":
		s = "mon-fri"
	}
	names := []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	for part := range strings.SplitSeq(s, ",") {
		first, last, span := strings.Cut(strings.TrimSpace(part), "-")
		if !span {
			last = first
		}
		from, to := slices.Index(names, first), slices.Index(names, last)
		if from < 0 || to < 0 {
			return 0, false
		}
		for d := from; ; d = (d + 1) % 7 {
			days |= 1 << d
			if d == to {
				break
			}
		}
	}
	return days, true
}

// folders refuses two folders of one flow that are the same.
func (o *object) folders(f *Flow) {
	seen := map[string]string{}
	for _, p := range o.b.foldersOf(f) {
		if other := seen[p.place]; other != "" {
			o.fail(o.place(p.key), p.key, "NV-4006.folders", "other", o.key(other), "path", p.path)
			continue
		}
		seen[p.place] = p.key
	}
}

// folder is one folder of a flow. place tells two folders apart.
type folder struct{ key, path, place string }

// foldersOf lists the folders of a flow that are known, `in` first.
func (b *builder) foldersOf(f *Flow) []folder {
	var list []folder
	for _, p := range [][3]string{{"in", f.Transport, f.In}, {"out", f.OutTransport, f.Out}, {"done", f.Transport, f.Done},
		{"rejected", f.Transport, f.Rejected}, {"decisions", f.Transport, f.Decisions}} {
		if p[2] != "" {
			list = append(list, folder{p[0], p[2], b.place(p[1], p[2])})
		}
	}
	return list
}

// place is the folder itself, whatever its names: local transports are one, and links are followed as far as the path
// exists.
func (b *builder) place(transport, path string) string {
	if t := b.transport[transport]; t == nil || t.Type != "local" {
		return transport + ":" + path
	}
	return "local:" + followed(path)
}

// followed resolves the links of the part of path that exists.
func followed(path string) string {
	for dir, rest := path, ""; ; {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			return filepath.Join(real, rest)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return path
		}
		dir, rest = parent, filepath.Join(filepath.Base(dir), rest)
	}
}

// overlaps refuses flows that could take the same file, or each other's files.
func (b *builder) overlaps(flows map[string]*Flow, section *object) {
	names := slices.Sorted(maps.Keys(flows))
	for i, name := range names {
		f := flows[name]
		if f.In == "" {
			continue
		}
		in := b.place(f.Transport, f.In)
		for j, other := range names {
			if i == j {
				continue
			}
			g := flows[other]
			for _, p := range b.foldersOf(g) {
				switch {
				case p.place != in:
				case p.key != "in":
					b.fail(section.placeIn(other, p.key), "flows."+other+"."+p.key, "NV-4006",
						message.New("NV-4006.fed_back", "key", p.key, "flow", other, "other", name, "path", f.In))
				case j > i:
					b.overlap(f, g, section)
				}
			}
		}
	}
}

// overlap tells of the first two patterns of two flows on one folder that one name satisfies.
func (b *builder) overlap(f, g *Flow, section *object) {
	for _, p := range orAll(f.Match) {
		for _, q := range orAll(g.Match) {
			if name, ok := common(p, q, f.MatchCase, g.MatchCase); ok {
				b.fail(section.placeIn(g.Name, "match"), "flows."+g.Name+".match", "NV-4006",
					message.New("NV-4006.match", "flow", f.Name, "other", g.Name, "path", f.In, "pattern", p, "other_pattern", q, "name", name))
				return
			}
		}
	}
}

func orAll(patterns []string) []string {
	if len(patterns) == 0 {
		return []string{"*"}
	}
	return patterns
}

// placeIn is where a key of a named entry stands, or else the entry.
func (o *object) placeIn(name, key string) Position {
	it := o.items[name]
	if it == nil {
		return o.at
	}
	if child, ok := (&builder{}).mapping(it, name); ok {
		return child.place(key)
	}
	return it.key
}
