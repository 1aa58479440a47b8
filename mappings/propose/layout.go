package propose

import (
	_ "embed" // layouts.yaml
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"

	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/mappings"
)

//go:embed layouts.yaml
var layoutsYAML []byte

// layout is a known way files are laid out.
type layout struct {
	Preset string  `yaml:"preset"`
	Match  string  `yaml:"match"`
	Worth  float64 `yaml:"worth"`
	re     *regexp.Regexp
}

// layouts reads the table once; the tests hold it.
var layouts = sync.OnceValue(func() (out []layout) {
	var raw []layout
	if yaml.Unmarshal(layoutsYAML, &raw) != nil {
		return nil
	}
	for _, l := range raw {
		if re, err := regexp.Compile(l.Match); err == nil {
			l.re = re
			out = append(out, l)
		}
	}
	return out
})

// layout proposes the preset whose signature the sample bears, if it reads the sample well; nil for none.
func (s *sample) layout() *Proposal {
	if s.opt.Preset == nil || s.format == "xlsx" {
		return nil
	}
	head := s.text[:min(len(s.text), 8000)]
	for _, l := range layouts() {
		if !l.re.MatchString(head) {
			continue
		}
		base, err := s.opt.Preset(l.Preset)
		if err != nil {
			continue
		}
		text := s.adapt(l.Preset, string(base))
		m, err := s.load([]byte(text))
		if err != nil {
			continue
		}
		tried := s.try(m)
		if tried.Accepted+tried.Held == 0 || tried.worth() < l.Worth {
			continue
		}
		p := &Proposal{YAML: []byte(text), Name: s.opt.Name, Preset: l.Preset, Kind: m.Kind, Tried: tried,
			Guesses: []message.Text{message.New("propose.preset", "preset", l.Preset)}}
		src := m.Source()
		p.Source = []Fact{{"format", src.Format}, {"encoding", src.Encoding}}
		if src.Delimiter != 0 && src.Format == "csv" {
			p.Source = append(p.Source, Fact{"delimiter", delimiterName(src.Delimiter)})
		}
		if src.Decimal != 0 {
			p.Source = append(p.Source, Fact{"decimal", string(src.Decimal)})
		}
		return p
	}
	return nil
}

var (
	nameLine     = regexp.MustCompile(`(?m)^name:.*$`)
	encodingLine = regexp.MustCompile(`(?m)^(  encoding: *)([a-z0-9-]+)(.*)$`)
	testsPart    = regexp.MustCompile(`(?ms)^tests:.*?(\n[a-z]|\z)`)
	moneyField   = regexp.MustCompile(`(?m)^(  - \{name: *(?:amount|due_on|issued_on|debit|credit|total|montant|regle),)`)
	channelLine  = regexp.MustCompile(`(?m)^(  - \{name: channel,)`)
	localeLine   = regexp.MustCompile(`(?m)^locale:.*$`)
)

// adapt makes a preset the mapping of this file: its name, its encoding, marks on what has to be looked at.
func (s *sample) adapt(preset, text string) string {
	text = nameLine.ReplaceAllLiteralString(text, "name: "+s.opt.Name)
	if s.opt.Lang == "fr" || s.opt.Lang == "en" {
		text = localeLine.ReplaceAllLiteralString(text, "locale: "+s.opt.Lang)
	}
	text = testsPart.ReplaceAllString(text, "$1")
	text = encodingLine.ReplaceAllStringFunc(text, func(line string) string {
		g := encodingLine.FindStringSubmatch(line)
		if s.sameIn(g[2]) {
			return line
		}
		return g[1] + s.encoding + g[3]
	})
	if s.openEnd && !strings.Contains(text, "open_end:") && strings.Contains(text, "format: csv") {
		text = strings.Replace(text, "\nsource:\n", "\nsource:\n  open_end: true   # "+s.say("propose.open_end")+"\n", 1)
	}
	if line, _, _ := strings.Cut(s.text, "\n"); strings.Count(line, "|") > 5 && !strings.Contains(line, "\t") {
		text = strings.Replace(text, `delimiter: "\t"`, `delimiter: "|"`, 1)
	}
	text = channelLine.ReplaceAllString(text, "  # $1") // writing to customers is for a person to say
	text = moneyField.ReplaceAllString(text, "$1 confirm: true,")
	w := &writer{d: &description{t: &table{s: s}}}
	w.remark("", w.say("propose.head", "file", s.src.Name))
	w.remark("", w.say("propose.preset", "preset", preset))
	w.remark("", w.say("propose.head.next"))
	w.remark("", w.say("propose.head.confirm", "n", strconv.Itoa(strings.Count(text, "confirm: true"))))
	return w.b.String() + text
}

// sameIn tells whether the file reads the same in another encoding.
func (s *sample) sameIn(encoding string) bool {
	if encoding == "auto" || encoding == s.encoding {
		return true
	}
	if s.bom {
		return false
	}
	survey, err := mappings.Inspect(s.src, encoding, '"')
	if err != nil || survey.BOM {
		return false
	}
	b := make([]byte, min(s.src.Size, 1<<20))
	if n, err := s.src.ReadAt(b, 0); n < len(b) && err != nil {
		return false
	}
	there := string(survey.Charset.AppendDecoded(nil, b))
	here, err := mappings.NewCharset(s.encoding)
	return err == nil && there == string(here.AppendDecoded(nil, b))
}

// sayIn gives a sentence of the catalogue in a language.
func sayIn(key, lang string) string { return message.New(key).In(lang) }
