package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
)

func TestMoney(t *testing.T) {
	tests := []struct {
		minor    int64
		currency string
		fr, en   string
	}{
		{157956, "EUR", "1\u00a0579,56\u00a0€", "EUR 1,579.56"},
		{5, "EUR", "0,05\u00a0€", "EUR 0.05"},
		{-123456789, "EUR", "-1\u00a0234\u00a0567,89\u00a0€", "EUR -1,234,567.89"},
		{100000, "JPY", "100\u00a0000\u00a0JPY", "JPY 100,000"},
		{1234, "KWD", "1,234\u00a0KWD", "KWD 1.234"},
		{0, "", "", ""},
	}
	for _, tt := range tests {
		m := payment.Amount{Minor: tt.minor, Currency: tt.currency}
		if fr, en := money(m, "fr"), money(m, "en"); fr != tt.fr || en != tt.en {
			t.Errorf("money(%d %s) = %q, %q, want %q, %q", tt.minor, tt.currency, fr, en, tt.fr, tt.en)
		}
	}
}

func TestClean(t *testing.T) {
	tests := []struct{ in, want string }{
		{"facture é.csv", "facture é.csv"},
		{"a\x1b[31mb", "a\ufffd[31mb"},
		{"a\nb\tc", "a\ufffdb\ufffdc"},
		{"caf\xe9.csv", "caf\ufffd.csv"},
		{"fdp.\u202egpj", "fdp.\ufffdgpj"},
	}
	for _, tt := range tests {
		if got := clean(tt.in); got != tt.want {
			t.Errorf("clean(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64][2]string{0: {"0\u00a0o", "0 B"}, 999: {"999\u00a0o", "999 B"}, 1200: {"1,2\u00a0ko", "1.2 kB"}, 55_200_000_000: {"55,2\u00a0Go", "55.2 GB"}} {
		if fr, en := size(n, "fr"), size(n, "en"); fr != want[0] || en != want[1] {
			t.Errorf("size(%d) = %q, %q, want %q", n, fr, en, want)
		}
	}
	for text, want := range map[string]string{"456d": "456\u00a0j", "1ms": "1ms", "2h": "2h"} {
		if got := duration(text, "fr"); got != want || duration(text, "en") != text {
			t.Errorf("duration(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestWrapped(t *testing.T) {
	got := strings.Join(wrapped("un deux trois quatre"+paragraph+"cinq", 10), "|")
	if want := "un deux|trois|quatre||cinq"; got != want {
		t.Errorf("wrapped at 10: %q, want %q", got, want)
	}
}

func TestNearestCode(t *testing.T) {
	for typed, want := range map[string]string{"1408": "NV-1407", "NV-1200": "NV-1201", "nv 14O1": "NV-1401", "": "NV-1001", "5009": "NV-5001"} {
		if got := nearestCode(typed); got[:4] != want[:4] {
			t.Errorf("nearestCode(%q) = %s, want one of %sxx", typed, got, want[:5])
		}
	}
}

// Every command says what it is for, in both languages; every flag too.
func TestHelpIsWhole(t *testing.T) {
	for _, lang := range []string{"fr", "en"} {
		a := &app{}
		a.flags.Lang = lang
		root := a.root()
		var walk func(c *cobra.Command)
		walk = func(c *cobra.Command) {
			for _, sub := range c.Commands() {
				walk(sub)
			}
			key := helpKey(c)
			switch c.Name() {
			case "help", "completion", "demo", "sandbox", "version", "navette", "config":
				return
			}
			for _, part := range []string{".long", ".example"} {
				if !message.Has(key + part) {
					t.Errorf("no sentence %s", key+part)
				}
			}
			if text := a.helpText(c); strings.Contains(text, "ui.") || strings.Contains(text, "‹") {
				t.Errorf("%s --lang %s: a sentence is missing:\n%s", c.CommandPath(), lang, text)
			}
			for line := range strings.Lines(c.LocalFlags().FlagUsages()) {
				if len(strings.Fields(line)) < 3 {
					t.Errorf("%s --lang %s: %q says nothing of the flag", c.CommandPath(), lang, line)
				}
			}
		}
		walk(root)
	}
}
