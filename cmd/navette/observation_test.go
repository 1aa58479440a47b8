package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/navette-connect/navette/connector"
)

func readText(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{"..", ".."}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestObservation holds the page on metrics, the alert rules and the dashboard against the metrics that there are.
func TestObservation(t *testing.T) {
	reg := prometheus.NewRegistry()
	connector.NewMeter(reg, "x")
	descriptions := make(chan *prometheus.Desc, 1000)
	reg.Describe(descriptions)
	close(descriptions)
	known := map[string]bool{}
	for d := range descriptions {
		known[regexp.MustCompile(`fqName: "([^"]+)"`).FindStringSubmatch(d.String())[1]] = true
	}
	page := readText(t, "docs", "observation.md")
	for name := range known {
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("docs/observation.md does not name %s", name)
		}
	}
	names := regexp.MustCompile(`navette_[a-z_]+`)
	check := func(where, text string) {
		for _, n := range names.FindAllString(text, -1) {
			base := n
			for _, suffix := range []string{"_bucket", "_count", "_sum"} {
				base = strings.TrimSuffix(base, suffix)
			}
			if !known[n] && !known[base] {
				t.Errorf("%s names %s, which there is not", where, n)
			}
		}
	}
	check("docs/observation.md", page)

	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert       string
				Expr        string
				Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(readText(t, "packaging", "alerts.yaml")), &rules); err != nil {
		t.Fatal(err)
	}
	runbook := readText(t, "docs", "runbook.md")
	n := 0
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			n++
			check("alert "+r.Alert, r.Expr)
			if !strings.Contains(runbook, "\n### "+r.Alert+"\n") || r.Annotations["runbook"] != "/usr/share/doc/navette/runbook.md#"+strings.ToLower(r.Alert) {
				t.Errorf("alert %s has no section in docs/runbook.md, or does not point to it", r.Alert)
			}
		}
	}
	if n < 10 {
		t.Errorf("%d alerts, want the rules to be read", n)
	}

	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(readText(t, "packaging", "grafana.json")), &board); err != nil {
		t.Fatal(err)
	}
	if len(board.Panels) < 10 {
		t.Errorf("%d panels, want the dashboard to be read", len(board.Panels))
	}
	for _, p := range board.Panels {
		if len(p.Targets) == 0 {
			t.Errorf("panel %q shows nothing", p.Title)
		}
		for _, q := range p.Targets {
			check("panel "+p.Title, q.Expr)
		}
	}
}

// TestLogEvents holds the page on logs against the names of events in the source.
func TestLogEvents(t *testing.T) {
	page := readText(t, "docs", "observation.md")
	name := regexp.MustCompile(`Str\("event", "([a-z._]+)"\)`)
	var missing []string
	n := 0
	for _, dir := range []string{"cmd/navette", "connector"} {
		files, err := filepath.Glob(filepath.Join("..", "..", dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			for _, m := range name.FindAllStringSubmatch(readText(t, dir, filepath.Base(f)), -1) {
				n++
				if !strings.Contains(page, "`"+m[1]+"`") && !slices.Contains(missing, m[1]) {
					missing = append(missing, m[1])
				}
			}
		}
	}
	if len(missing) > 0 || n < 20 {
		t.Errorf("of %d places that log, docs/observation.md lacks the events %q", n, missing)
	}
}
