package main

import "testing"

// A user whom nothing gives a name can decide, too: in a container, or while the directory of users is away.
func TestAuthorWithoutName(t *testing.T) {
	t.Setenv("SUDO_USER", "")
	if id, name := author(4_294_967); id != "4294967" || name != "4294967" {
		t.Errorf("signed %q, %q", id, name)
	}
	t.Setenv("SUDO_USER", "martin")
	if _, name := author(4_294_967); name != "4294967 (sudo: martin)" {
		t.Errorf("signed %q", name)
	}
}
