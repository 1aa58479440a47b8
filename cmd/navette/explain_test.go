package main

import (
	"bytes"
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/connector/message"
)

// TestExplainEveryCode: `navette explain` has a page for each code of the catalogue in both languages: the title, what
// it means and how to mend it, and every sentence that is said under it.
func TestExplainEveryCode(t *testing.T) {
	blank := regexp.MustCompile(`\s+`)
	flat := func(s string) string { return strings.TrimSpace(blank.ReplaceAllString(s, " ")) }
	for _, lang := range []string{"fr", "en"} {
		for _, code := range message.Codes() {
			var out, errs bytes.Buffer
			if exit := run(context.Background(), []string{"explain", code, "--lang", lang}, config.Environment{}, nil, &out, &errs); exit != exitFine || errs.Len() > 0 {
				t.Errorf("explain %s in %s: exit %d, %s", code, lang, exit, errs.String())
				continue
			}
			page := flat(out.String())
			e, _ := message.Lookup(code)
			if want := code + " " + flat(e.Title.In(lang)) + " " + flat(e.Explain.In(lang)); !strings.HasPrefix(page, want) {
				t.Errorf("explain %s in %s begins\n%.200s\nwant\n%.200s", code, lang, page, want)
			}
			if len(e.Keys) == 0 {
				t.Errorf("%s has no sentence", code)
			}
			for _, key := range e.Keys {
				if want := flat(message.New(key).In(lang)); !strings.Contains(page, "- "+want) {
					t.Errorf("explain %s in %s lacks %q", code, lang, want)
				}
			}
		}
	}
}
