package main

import (
	"strings"
	"testing"

	"github.com/navette-connect/navette/connector/journal"
)

// What is named next knows what it is asked of: `where` knows rows, not returns.
func TestNextStep(t *testing.T) {
	a := &app{}
	a.flags.Lang = "en"
	for _, tt := range []struct{ verb, subject, want string }{
		{"release", "r5", "navette where r5"}, {"undo", "f3", "navette files"}, {"redeliver", "d6", "navette files"},
		{"pause", "invoices", "navette resume invoices"}, {"resume", "invoices", "navette status"}, {"recover", "journal", "navette status"},
	} {
		if got := a.nextStep(journal.Command{Verb: tt.verb, Subject: tt.subject}); !strings.HasSuffix(got, ": "+tt.want) {
			t.Errorf("after %s %s: %q, want %q", tt.verb, tt.subject, got, tt.want)
		}
	}
}

// A user whom nothing gives a name can decide, too: in a container, or while the directory of users is away.
func TestAuthorWithoutName(t *testing.T) {
	t.Setenv("SUDO_USER", "")
	if id, name := author(4_294_967); id != "4294967" || name != "4294967" {
		t.Errorf("signed %q, %q", id, name)
	}
	t.Setenv("SUDO_USER", "martin")
	if _, name := author(4_294_967); name != "4294967" { // who has an account sets the variable as they like
		t.Errorf("signed %q", name)
	}
	if _, name := author(0); !strings.HasSuffix(name, " (sudo: martin)") {
		t.Errorf("signed %q", name)
	}
}
