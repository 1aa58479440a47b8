package main

import (
	"os/exec"
	"strings"
	"testing"
)

const ready = `return d.j.Do(ctx, func(tx *journal.Tx) error {
	if err := tx.Ready(it.ID); err != nil {
		return err
	}
	return tx.ClearDue(dueReplace, it.ID)
})`

// replaceMutants each break one promise of a replacement (on_known: replace_unpaid).
var replaceMutants = []mutant{
	{"the new request does not wait for the cancel", []edit{{"connector/journal/target.go", "SET waits = 1 WHERE", "SET waits = 0 WHERE"}}},
	{"a refused cancel does for a cancel", []edit{{"connector/replace.go", "return holdBack(failed) // paid meanwhile", ready + " // paid meanwhile"}}},
	{"a cancel in doubt does for a cancel", []edit{{"connector/replace.go", "payment.Pending: // a person, a look-up or a poll moves it on\n\t\treturn later(leisure, due.N)", "payment.Pending:\n\t\t" + ready}}},
	{"the replacement is forgotten once its cancel is made", []edit{{"connector/replace.go", "return tx.SetDue(dueReplace, it.ID, d.account.Account, tx.Now+glance.Microseconds()/4, id)", "return tx.ClearDue(dueReplace, max(it.ID, id-id))"}}},
}

// TestReplaceControls runs the simulation of replacements over the mutants: each must turn it red.
func TestReplaceControls(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds the tests once for each mutant")
	}
	for _, m := range replaceMutants {
		t.Run(m.name, func(t *testing.T) {
			overlay, root := m.overlay(t)
			cmd := exec.Command("go", "test", "-vet=off", "-count=1", "-timeout=10m", "-failfast", "-run", "^TestSimulateReplace$", "-overlay", overlay, "./connector")
			cmd.Dir = root
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestSimulateReplace") {
				t.Errorf("mutation %q was not noticed: %v\n%s", m.name, err, tail(string(out)))
				return
			}
			for line := range strings.Lines(string(out)) {
				if strings.Contains(line, "_test.go:") {
					t.Logf("noticed: %s", strings.TrimSpace(line))
					break
				}
			}
		})
	}
}
