package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets this test binary be navette itself: a child of it is a real process that can really be killed, and the
// scripts of testdata/script run it by its name.
func TestMain(m *testing.M) {
	if os.Getenv(asNavette) != "" {
		os.Exit(childMain())
	}
	testscript.Main(m, map[string]func(){"navette": main})
}
