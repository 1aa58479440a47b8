package presets

import (
	"errors"
	"slices"
	"testing"
)

func TestSource(t *testing.T) {
	names := Names()
	if !slices.Contains(names, "factures-excel-fr") {
		t.Errorf("Names() = %q", names)
	}
	for _, name := range names {
		if b, err := Source(name); err != nil || len(b) == 0 {
			t.Errorf("Source(%q) = %d bytes, %v", name, len(b), err)
		}
	}
	for _, name := range []string{"", "nowhere", "../presets", "factures-excel-fr.yaml", "a/b"} {
		if _, err := Source(name); !errors.Is(err, ErrUnknown) {
			t.Errorf("Source(%q): %v, want ErrUnknown", name, err)
		}
	}
}
