package message

import (
	"strings"
	"testing"
)

func TestIn(t *testing.T) {
	tests := []struct {
		name   string
		text   Text
		fr, en string
	}{
		{"sentence", New("NV-1401.reference", "reference", "FA26-00412", "line", "4"),
			"référence « FA26-00412 » déjà présente dans ce fichier (ligne 4)",
			`reference "FA26-00412" is already in this file (line 4)`},
		{"literal", Literal("avoir", "credit note"), "avoir", "credit note"},
		{"literal in one language", Literal("avoir", ""), "avoir", "avoir"},
		{"title", New("NV-2101"), "Réponse perdue", "Answer lost"},
		{"order of arguments", New("NV-1402.received", "name", "F.csv", "date", "22/11/2026"),
			"fichier déjà reçu le 22/11/2026 sous le nom F.csv", "file already received on 22/11/2026 under the name F.csv"},
		{"argument of a language", New("NV-1402.received", "name", "F.csv", "date", "2026-11-22", "date.fr", "22/11/2026"),
			"fichier déjà reçu le 22/11/2026 sous le nom F.csv", "file already received on 2026-11-22 under the name F.csv"},
		{"braces in a value stay", New("NV-1407.unknown", "reference", "{line}{reference}"),
			"référence « {line}{reference} » inconnue : aucune transaction à traiter",
			`unknown reference "{line}{reference}": no transaction to act on`},
		{"missing argument shows", New("NV-1402.received", "name", "F.csv"),
			"fichier déjà reçu le ‹date› sous le nom F.csv", "file already received on ‹date› under the name F.csv"},
		{"odd arguments", New("NV-1402.received", "name"),
			"fichier déjà reçu le ‹date› sous le nom ‹name›", "file already received on ‹date› under the name ‹name›"},
		{"unknown key shows", New("NV-1402.nonsense", "a", "1", "b", "2"), "NV-1402.nonsense (a: 1, b: 2)", "NV-1402.nonsense (a: 1, b: 2)"},
		{"unknown key without arguments", New("ui.nonsense"), "ui.nonsense", "ui.nonsense"},
		{"nothing", Text{}, "", ""},
		{"command line", New("ui.version", "version", "1.0.0"), "navette 1.0.0", "navette 1.0.0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.text.In("fr"); got != tt.fr {
				t.Errorf("%+v.In(fr) = %q, want %q", tt.text, got, tt.fr)
			}
			if got := tt.text.In("en"); got != tt.en {
				t.Errorf("%+v.In(en) = %q, want %q", tt.text, got, tt.en)
			}
		})
	}
	if got := New("NV-2101").In("de"); got != "Answer lost" {
		t.Errorf("In(de) = %q, want the English text", got)
	}
}

func TestFill(t *testing.T) {
	arg := func(name string) (string, bool) { return "<" + name + ">", true }
	for in, want := range map[string]string{
		"":                "",
		"plain":           "plain",
		"{a}":             "<a>",
		"{a}{b_2}":        "<a><b_2>",
		"`{file: …}`":     "`{file: …}`",
		"{{a}}":           "{<a>}",
		"{}{ a}{A}{a":     "{}{ a}{A}{a",
		"group {a, b} {c": "group {a, b} {c",
	} {
		if got := fill(in, arg); got != want {
			t.Errorf("fill(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestCheck(t *testing.T) {
	tests := []struct {
		text Text
		want string // part of the error, "" for none
	}{
		{New("NV-1402.received", "date", "x", "name", "y"), ""},
		{New("NV-1402.received", "date.fr", "x", "date.en", "y", "name", "y"), ""},
		{New("NV-1402.received", "date.fr", "x", "name", "y"), "{date} is not given (en)"},
		{New("NV-1402.received", "date", "x"), "{name} is not given"},
		{New("NV-1402.received", "date", "x", "name", "y", "z", ""), `"z" is never said`},
		{New("NV-1402.received", "date"), "without a value"},
		{New("NV-1402.nonsense"), "no sentence"},
		{Literal("a", ""), ""},
		{Text{}, "nothing to say"},
	}
	for _, tt := range tests {
		err := tt.text.Check()
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%+v.Check() = %v, want %q", tt.text, err, tt.want)
		}
	}
}

func TestLookup(t *testing.T) {
	for _, code := range []string{"NV-1403", "1403", "nv-1403", " 1403 "} {
		e, ok := Lookup(code)
		if !ok || e.Code != "NV-1403" || len(e.Keys) == 0 || e.Explain.In("fr") == "" {
			t.Errorf("Lookup(%q) = %+v, %v, want NV-1403 in full", code, e, ok)
		}
	}
	if e, ok := Lookup("NV-9999"); ok {
		t.Errorf("Lookup(NV-9999) = %+v, want none", e)
	}
	if got := Title("NV-9999", "fr"); got != "NV-9999" {
		t.Errorf("Title(NV-9999) = %q, want the code", got)
	}
	if got := Explain("NV-9999", "fr"); got != "" {
		t.Errorf("Explain(NV-9999) = %q, want nothing", got)
	}
}

func FuzzFill(f *testing.F) {
	f.Add("date « {value} » ; {{a}", "31/11")
	f.Fuzz(func(t *testing.T, template, value string) {
		got := fill(template, func(string) (string, bool) { return value, true })
		if placeholders(template) == nil && got != template {
			t.Errorf("fill(%q) = %q, want it unchanged: it has no placeholder", template, got)
		}
	})
}
