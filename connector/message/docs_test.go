package message_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/navette-connect/navette/connector/message"
)

// pages are the lists of codes, one a language, written from the catalogue.
var pages = []struct{ path, lang, head string }{
	{"docs/fr/codes.md", "fr", "# Tous les codes\n\nChaque message de navette porte un code qui ne change jamais. Cette page est écrite d'après le catalogue du programme ;\n`navette explain CODE` dit la même chose, et [la page du comptable](comptable.md) dit où les codes apparaissent.\n\n" +
		"| famille | sujet |\n|---|---|\n| NV-10xx | le fichier |\n| NV-11xx | sa structure |\n| NV-12xx | une valeur |\n| NV-13xx | regroupement, totaux de contrôle |\n| NV-14xx | déjà connu |\n| NV-15xx | règles et limites |\n" +
		"| NV-20xx | refus du prestataire, décisions |\n| NV-21xx | incidents avec le prestataire |\n| NV-30xx | dossiers et serveurs |\n| NV-40xx | configuration |\n| NV-50xx | notifications |\n"},
	{"docs/codes.md", "en", "# Every code\n\nEach message of navette bears a code that never changes. This page is written from the program's catalogue; `navette explain CODE`\nsays the same.\n\n" +
		"| family | subject |\n|---|---|\n| NV-10xx | the file |\n| NV-11xx | its structure |\n| NV-12xx | a value |\n| NV-13xx | grouping, control totals |\n| NV-14xx | known already |\n| NV-15xx | rules and limits |\n" +
		"| NV-20xx | refused by the PSP, decisions |\n| NV-21xx | trouble with the PSP |\n| NV-30xx | folders and servers |\n| NV-40xx | configuration |\n| NV-50xx | notifications |\n"},
}

// TestDocsListEveryCode holds the pages against the catalogue; UPDATE_DOCS=1 writes them.
func TestDocsListEveryCode(t *testing.T) {
	for _, p := range pages {
		path := filepath.Join("..", "..", filepath.FromSlash(p.path))
		want := []byte(page(p.head, p.lang))
		if os.Getenv("UPDATE_DOCS") != "" {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the catalogue says (%v): UPDATE_DOCS=1 go test ./connector/message", p.path, err)
		}
	}
}

// TestDocsNameKnownCodes holds every code that a page names against the catalogue.
func TestDocsNameKnownCodes(t *testing.T) {
	root := filepath.Join("..", "..")
	paths := []string{filepath.Join(root, "README.md")}
	for _, pattern := range []string{"docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, found...)
	}
	if len(paths) < 5 {
		t.Fatalf("only %d pages were found", len(paths))
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, code := range regexp.MustCompile(`NV-[0-9]{4}`).FindAllString(string(b), -1) {
			if _, known := message.Lookup(code); !known {
				t.Errorf("%s names %s, which the catalogue lacks", path, code)
			}
		}
	}
}

// page lists the codes, each with its explanation and what is said under it.
func page(head, lang string) string {
	var b strings.Builder
	b.WriteString(head)
	for _, code := range message.Codes() {
		e, _ := message.Lookup(code)
		b.WriteString("\n## " + code + " " + e.Title.In(lang) + "\n\n" + plain(e.Explain.In(lang)) + "\n")
		for i, key := range e.Keys {
			if i == 0 {
				b.WriteString("\n")
			}
			b.WriteString("* " + plain(message.New(key).In(lang)) + "\n")
		}
	}
	return b.String()
}

// plain keeps a sentence from being read as Markdown or HTML.
func plain(s string) string {
	return strings.NewReplacer("<", "&lt;", "*", `\*`, "|", `\|`, " ¶ ", "\n\n").Replace(s)
}
