package mappings

import (
	"regexp"
	"slices"
	"strings"

	"github.com/navette-connect/navette/connector/payment"
)

var returnKeys = []string{"on", "rows", "file", "format", "encoding", "delimiter", "quote", "newline", "header", "bom", "columns", "first", "last", "excel_safe", "use", "set", "also", "description"}

// eventNames are what returns know of an event.
func eventNames() map[string]nominal {
	names := map[string]nominal{"event.amount": numberType, "event.moved": numberType}
	for _, n := range []string{"event", "state", "date", "at", "currency", "method", "transaction_id", "request_id", "url", "reason", "part", "code", "message"} {
		names["event."+n] = textType
	}
	return names
}

// statusWords are what `status` may say.
func statusWords() []string { return []string{"accepted", "rejected", "held", "skipped", "duplicate"} }

// resultWords are what `status` may say where the gateway's answer is awaited.
func resultWords() []string {
	return []string{"sent", "done", "refused", "uncertain", "held", "rejected", "skipped", "duplicate"}
}

// eventWords are what `event.event` may say in a mapping of this kind: of a request nothing is `done`, of an operation
// nothing but its answer is told.
func eventWords(kind Kind) []string {
	words := []string{payment.WordSent, payment.WordViewed, payment.WordAuthorised, payment.WordPaid, payment.WordFailed, payment.WordRefused,
		payment.WordExpired, payment.WordCancelled, payment.WordRefunded, payment.WordChargedBack, payment.WordSettled, payment.WordReconciled,
		payment.WordRetry}
	switch kind {
	case KindOperation:
		return []string{payment.WordDone, payment.WordRefused}
	case KindMixed:
		return append(words, payment.WordDone)
	}
	return words
}

// returns reads the section `returns`.
func (l *loader) returns(top object) {
	n := top.get("returns")
	if n == nil {
		return
	}
	if n.kind != mapNode {
		top.shape(n, "returns", "des noms de retours", "names of returns")
		return
	}
	for i, k := range n.keys {
		if k.text == "confirm" {
			continue
		}
		if r := l.oneReturn(k, l.object(l.usedReturn(n.items[i]), "returns."+k.text, returnKeys...)); r != nil {
			l.m.returns = append(l.m.returns, r)
		}
	}
}

// usedReturn lays a return over the ready one that it uses.
func (l *loader) usedReturn(n *node) *node {
	use := n.get("use")
	if use == nil {
		return n
	}
	if use.kind != scalarNode || l.opt.Use == nil {
		l.p.add(use.pos, "NV-4020.use", "name", use.text, "detail", "no presets")
		return n
	}
	base, err := l.opt.Use(ReturnPrefix + use.text)
	if err != nil {
		l.p.add(use.pos, "NV-4020.use", "name", use.text, "detail", err.Error())
		return n
	}
	return merge(parseTree(use.text, base, &l.p), n)
}

// constants reads `set`: texts that the expressions of the return know as set.NAME.
func (l *loader) constants(r *Return, o object) {
	n := o.get("set")
	if n == nil {
		return
	}
	if n.kind != mapNode {
		o.shape(n, "set", "des noms et des textes", "names and texts")
		return
	}
	r.set = map[string]string{}
	for i, k := range n.keys {
		switch item := n.items[i]; {
		case !constantName.MatchString(k.text):
			l.p.add(k.pos, "NV-4004.value", "key", "set", "value", k.text, "expected.fr", "un nom en lettres minuscules", "expected.en", "a name in small letters")
		case item.kind != scalarNode && item.kind != nullNode:
			o.shape(item, "set."+k.text, "un texte", "a text")
		default:
			r.set["set."+k.text] = item.text
		}
	}
}

var constantName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// also reads the further lines that each row or event gives: the columns again, those named with other values.
func (l *loader) also(r *Return, o object, spec *scopeSpec) {
	for _, n := range o.list("also") {
		if n.kind != mapNode || r.columns == nil {
			o.shape(n, "also", "des colonnes et leurs valeurs", "columns and their values")
			continue
		}
		line := slices.Clone(r.columns)
		for i, k := range n.keys {
			at := slices.IndexFunc(line, func(c returnColumn) bool { return c.name == k.text })
			if at < 0 {
				l.p.add(k.pos, "NV-4020.also", "name", k.text)
				continue
			}
			line[at].value = l.c.compile(n.items[i], spec, anyType)
		}
		r.also = append(r.also, line)
	}
}

func (l *loader) oneReturn(k *node, o object) *Return {
	m := l.m
	if o.n == nil {
		l.p.add(k.pos, "NV-4003.missing", "key", "returns."+k.text)
		return nil
	}
	r := &Return{m: m, Name: k.text, own: Dialect{Delimiter: m.source.Delimiter, Quote: m.source.Quote}, titled: true}
	moments := []string{string(OnIntake), string(OnRejects), string(OnResult), string(OnEvent), string(OnSettlement), string(OnDaily)}
	r.On = Moment(o.oneOf("on", "", moments...))
	if o.get("on") == nil {
		l.p.add(k.pos, "NV-4003.missing", "key", "on")
	}
	l.returnDialect(r, o)
	l.fileName(r, o)
	l.constants(r, o)
	spec := l.returnScope(r)
	if rows := o.get("rows"); rows != nil {
		r.rows = l.c.compile(rows, spec, boolType)
	}
	seen := map[string]bool{}
	for _, c := range o.list("columns") {
		co := l.object(c, "returns.columns", "name", "value", "at", "len", "pad", "align")
		if co.n == nil {
			continue
		}
		col := l.returnColumn(r, co, co.get("value"), spec)
		if co.get("value") == nil {
			l.p.add(c.pos, "NV-4003.missing", "key", "value")
		}
		if col.name == "" && r.titled {
			l.p.add(c.pos, "NV-4003.missing", "key", "name")
		}
		if seen[col.name] && col.name != "" {
			l.p.add(c.pos, "NV-4020.column_twice", "name", col.name)
		}
		seen[col.name] = true
		r.columns = append(r.columns, col)
	}
	l.also(r, o, spec)
	r.first = l.edge(r, o, "first", map[string]nominal{})
	r.last = l.edge(r, o, "last", map[string]nominal{"count": numberType, "total": numberType})
	if r.columns == nil && r.On != OnRejects && r.On != "" {
		l.p.add(k.pos, "NV-4003.missing", "key", "returns."+k.text+".columns")
	}
	if r.workbook = r.columns == nil && r.On == OnRejects && m.source.Format == "xlsx" && r.rows == nil &&
		(o.text("format", "") == "xlsx" || o.get("format") == nil && strings.HasSuffix(strings.ToLower(r.file), ".xlsx")); !r.workbook && o.text("format", "") == "xlsx" {
		l.p.add(o.at("format"), "NV-4020.not_yet", "key", o.path+".format: xlsx")
	}
	if r.columns == nil && (o.get("encoding") != nil && o.text("encoding", "") != m.source.Encoding && m.source.Encoding != "auto" ||
		o.get("delimiter") != nil && o.char("delimiter", 0) != m.source.Delimiter) {
		l.p.add(k.pos, "NV-4020.echo_dialect", "name", k.text)
	}
	for _, p := range r.programs() {
		r.NamesEvents = r.NamesEvents || p.uses("event.")
	}
	return r
}

// returnColumn reads one column: an expression, and its place where the return has fixed positions.
func (l *loader) returnColumn(r *Return, o object, value *node, spec *scopeSpec) returnColumn {
	c := returnColumn{name: o.text("name", ""), value: l.c.compile(value, spec, anyType), at: o.number("at", 0, 1, 1<<16), length: o.number("len", 0, 1, 1<<16),
		right: o.oneOf("align", "left", "left", "right") == "right", fill: o.char("pad", ' ')}
	if c.fill == 0 {
		c.fill = ' '
	}
	switch {
	case r.fixed && o.n == nil:
		l.p.add(value.pos, "NV-4020.position", "name", value.text)
	case o.n == nil:
	case !r.fixed && (o.get("at") != nil || o.get("len") != nil || o.get("pad") != nil || o.get("align") != nil):
		l.p.add(o.n.pos, "NV-4002.other_type", "key", "at, len, pad, align", "type", "csv")
	case r.fixed && (c.at == 0 || c.length == 0):
		l.p.add(o.n.pos, "NV-4020.position", "name", c.name)
	}
	return c
}

// edge reads `first` or `last`: the cells of a record above or below the others.
func (l *loader) edge(r *Return, o object, key string, names map[string]nominal) []returnColumn {
	r.known(names)
	spec := &scopeSpec{names: names, timeless: true, later: map[string]string{"count": "NV-4021.at_the_end", "total": "NV-4021.at_the_end"}}
	var out []returnColumn
	for _, n := range o.list(key) {
		if n.kind == mapNode {
			co := l.object(n, o.path+"."+key, "name", "value", "at", "len", "pad", "align")
			out = append(out, l.returnColumn(r, co, co.get("value"), spec))
			continue
		}
		out = append(out, l.returnColumn(r, object{l: l}, n, spec))
	}
	if out != nil && r.Echo() && r.On == OnRejects && o.get("columns") == nil {
		l.p.add(o.at(key), "NV-4020.together", "key", key, "other", "on: rejects")
	}
	return out
}

// known adds the constants to the names of expressions.
func (r *Return) known(names map[string]nominal) {
	for name := range r.set {
		names[name] = textType
	}
}

// returnScope is what the expressions of a return may name.
func (l *loader) returnScope(r *Return) *scopeSpec {
	spec := &scopeSpec{names: eventNames(), titles: true, timeless: true, later: map[string]string{}}
	r.known(spec.names)
	for _, n := range []string{"status", "code", "message", "part"} {
		spec.names[n] = textType
	}
	spec.names["line"] = numberType
	for _, f := range l.m.fields {
		spec.names[f.name] = f.seen()
	}
	words := statusWords()
	if r.On == OnResult {
		words = resultWords()
	}
	spec.words = map[string][]string{"status": words, "event.event": eventWords(l.m.Kind)}
	return spec
}

// returnDialect reads how a return is written; what is not said is the source's.
func (l *loader) returnDialect(r *Return, o object) {
	switch f := o.text("format", "csv"); f {
	case "csv", "xlsx": // a workbook is the rejects' alone
	case "fixed":
		r.fixed = true
	default:
		l.p.add(o.at("format"), "NV-4020.not_yet", "key", o.path+".format: "+f)
	}
	if e := o.oneOf("encoding", "", Charsets()...); e != "" {
		r.own.Encoding = e
	}
	r.own.Delimiter, r.own.Quote = o.char("delimiter", r.own.Delimiter), o.char("quote", r.own.Quote)
	if r.own.Quote == 0 && o.get("quote") == nil && o.get("delimiter") != nil {
		r.own.Quote = '"'
	}
	switch o.oneOf("newline", "", "crlf", "lf", "cr", "nel") {
	case "crlf":
		r.own.Newline = "\r\n"
	case "lf":
		r.own.Newline = "\n"
	case "cr":
		r.own.Newline = "\r"
	case "nel":
		r.own.Newline = "\u0085"
	}
	if b := o.get("bom"); b != nil {
		on := o.boolean("bom", false)
		r.bom = &on
	}
	r.titled = o.boolean("header", !r.fixed)
	r.safe = o.boolean("excel_safe", r.On == OnIntake || r.On == OnRejects || r.On == OnResult)
	if r.own.Encoding != "" {
		if c, err := NewCharset(r.own.Encoding); err == nil && r.own.Delimiter != 0 {
			if _, lost := c.Like(string(r.own.Delimiter)); lost > 0 {
				l.p.add(o.at("delimiter"), "NV-4020.source", "detail", "delimiter "+string(r.own.Delimiter)+" / "+r.own.Encoding)
			}
		}
	}
}

// fileName reads the template of a return's name.
func (l *loader) fileName(r *Return, o object) {
	r.file = o.text("file", "")
	if r.file == "" {
		if o.get("file") == nil {
			l.p.add(o.n.pos, "NV-4003.missing", "key", o.path+".file")
		}
		return
	}
	known := []string{"stem", "flow", "date", "seq", "name"}
	rest := r.file
	for {
		_, after, found := strings.Cut(rest, "{")
		if !found {
			break
		}
		word, behind, closed := strings.Cut(after, "}")
		if !closed || !slices.Contains(known, word) {
			l.p.add(o.at("file"), "NV-4004.one_of", "key", "file", "value", "{"+word+"}", "values", "{stem}, {flow}, {date}, {seq}, {name}")
			return
		}
		rest = behind
	}
	if name := r.FileName(NameParts{Stem: "x", Flow: "x", Name: "x.csv"}); name[0] == '_' && r.file[0] != '_' || strings.ContainsAny(r.file, "/\\") {
		l.p.add(o.at("file"), "NV-4004.value", "key", "file", "value", r.file, "expected.fr", "un nom de fichier", "expected.en", "a file name")
	}
}
