package mappings

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDocsListEveryField holds the table of canonical fields against the names and the closed values that there are.
func TestDocsListEveryField(t *testing.T) {
	page, err := os.ReadFile("../docs/mapping.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "| canonical name |")
	table, _, _ := strings.Cut(rest, "\n\n")
	told := map[string]string{} // by name, its row
	for line := range strings.Lines(table) {
		names, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), "|")
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(names, -1) {
			told[m[1]] = line
		}
	}
	for _, c := range canonicalFields() {
		row := told[c.name]
		if row == "" {
			t.Errorf("docs/mapping.md does not list %s", c.name)
		}
		for _, v := range c.closed {
			if !strings.Contains(row, "`"+v+"`") {
				t.Errorf("docs/mapping.md does not say that %s may be %s: %s", c.name, v, row)
			}
		}
		delete(told, c.name)
	}
	for _, open := range []string{"customer.address.*", "metadata.*"} {
		if told[open] == "" {
			t.Errorf("docs/mapping.md does not list %s", open)
		}
		delete(told, open)
	}
	for name := range told {
		t.Errorf("docs/mapping.md lists %s, which there is not", name)
	}
}
