package journal_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/journal/sqlite"
	"github.com/navette-connect/navette/connector/payment"
)

func open(t *testing.T, dir string, opt journal.Options) *journal.Journal {
	t.Helper()
	j, err := sqlite.Open(t.Context(), dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

// take journals a file with n requests, staged and accepted.
func take(t *testing.T, j *journal.Journal, flow string, refs ...string) journal.File {
	t.Helper()
	var f journal.File
	err := j.Do(t.Context(), func(tx *journal.Tx) (err error) {
		f, err = tx.NewFile(journal.File{Flow: flow, Account: "psp", Name: "x.csv", Place: "/in/x.csv", Size: 10}, func(id int64) string { return fmt.Sprintf("/in/.c-%d", id) })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	docs := make([]journal.Staged, len(refs))
	for i, ref := range refs {
		in := payment.Instruction{Account: "psp", Kind: payment.Request, Reference: ref, Amount: payment.Amount{Minor: 1234, Currency: "EUR"}, DueOn: "2026-12-01",
			Customer: payment.Customer{Name: "Lefèvre", Email: "a@b.example", Address: []payment.Pair{{Name: "zip", Value: "44000"}}}, Metadata: []payment.Pair{{Name: "k", Value: "v"}}, Source: payment.Source{Flow: flow, File: "x.csv", Line: i + 2}}
		in.Key = payment.NewKey(&in)
		docs[i] = journal.Staged{Rows: []journal.Row{{Line: int64(i + 2), Kind: "request", Reference: ref, Amount: in.Amount, State: journal.RowAccepted, Raw: []byte("raw;" + ref)}}, Customer: &in.Customer, Instructions: []payment.Instruction{in}}
	}
	err = j.Do(t.Context(), func(tx *journal.Tx) error {
		if err := tx.Stage(&f, docs); err != nil {
			return err
		}
		if err := tx.Appear(&f); err != nil {
			return err
		}
		return tx.SetFile(f.ID, []string{journal.FileClaiming}, "state", journal.FileAccepted, "judged", 1, "judged_at", tx.Now, "n_accepted", len(refs))
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A closed journal is closed: SQLite folds its log into the database when the last connection goes.
func TestCloseLeavesNoConnection(t *testing.T) {
	dir := t.TempDir()
	j, err := sqlite.Open(t.Context(), dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	take(t, j, "f", "A1")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if log, err := os.Stat(filepath.Join(dir, "journal.db-wal")); err != nil || log.Size() != 0 {
		t.Errorf("the log is %v, %v; want it empty, and there for those who may only read", log, err)
	}
}

func TestStagedRowsComeBackWhole(t *testing.T) {
	j := open(t, t.TempDir(), journal.Options{})
	f := take(t, j, "a", "R1", "R2")
	list, err := j.Sendable(t.Context(), f.ID, 0, 1<<60, 10)
	if err != nil || len(list) != 2 {
		t.Fatalf("sendable: %d, %v; want 2", len(list), err)
	}
	it := list[0]
	if it.Reference != "R1" || it.Customer.Name != "Lefèvre" || it.Customer.Address[0].Value != "44000" || it.DueOn != "2026-12-01" || it.Metadata[0] != (payment.Pair{Name: "k", Value: "v"}) ||
		it.Amount != (payment.Amount{Minor: 1234, Currency: "EUR"}) || it.Source != (payment.Source{Flow: "a", File: "x.csv", Line: 2}) || it.Key != payment.NewKey(&it.Instruction) {
		t.Errorf("came back as %+v", it)
	}
}

// TestSendingIsOnceAndInOrder: a marked instruction is not sendable again, and a lane goes one at a time.
func TestSendingIsOnceAndInOrder(t *testing.T) {
	ctx := t.Context()
	j := open(t, t.TempDir(), journal.Options{})
	f := take(t, j, "a", "R1", "R2", "R1")
	sendable := func() (refs []string) {
		list, err := j.Sendable(ctx, f.ID, 0, 1<<60, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range list {
			refs = append(refs, fmt.Sprint(it.Reference, "@", it.Source.Line))
		}
		return refs
	}
	if got := fmt.Sprint(sendable()); got != "[R1@2 R2@3]" {
		t.Fatalf("sendable %s, want the first of each lane", got)
	}
	list, _ := j.Sendable(ctx, f.ID, 0, 1<<60, 1)
	id := list[0].ID
	mark := func() (n int) {
		if err := j.Do(ctx, func(tx *journal.Tx) error { m, err := tx.MarkSending([]int64{id}); n = len(m); return err }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if a, b := mark(), mark(); a != 1 || b != 0 {
		t.Errorf("marked %d then %d times, want once", a, b)
	}
	if got := fmt.Sprint(sendable()); got != "[R2@3]" {
		t.Errorf("while R1 is in flight: sendable %s", got)
	}
	for _, s := range []payment.State{payment.Uncertain, payment.Open} {
		if err := j.Do(ctx, func(tx *journal.Tx) error {
			return tx.RecordAnswers([]journal.Answer{{ID: id, State: s, PaymentID: "pr_1"}})
		}); err != nil {
			t.Fatal(err)
		}
		want := map[payment.State]string{payment.Uncertain: "[R2@3]", payment.Open: "[R2@3 R1@4]"}[s]
		if got := fmt.Sprint(sendable()); got != want {
			t.Errorf("after %s: sendable %s, want %s", s, got, want)
		}
	}
	// An answer that comes a second time changes nothing.
	if err := j.Do(ctx, func(tx *journal.Tx) error {
		return tx.RecordAnswers([]journal.Answer{{ID: id, State: payment.Refused}})
	}); err != nil {
		t.Fatal(err)
	}
	if it, _ := j.Item(ctx, id); it.State != payment.Open {
		t.Errorf("a second answer moved it to %s", it.State)
	}
	events, err := j.EventsOf(ctx, id)
	if err != nil || len(events) != 2 {
		t.Errorf("events: %d, %v; want uncertain and sent", len(events), err)
	}
}

// TestUnstageForgetsTheOrder: rows that are staged anew, perhaps by a mapping that gathers none, are read by themselves.
func TestUnstageForgetsTheOrder(t *testing.T) {
	ctx := t.Context()
	j := open(t, t.TempDir(), journal.Options{})
	var f journal.File
	do := func(fn func(tx *journal.Tx) error) {
		t.Helper()
		if err := j.Do(ctx, fn); err != nil {
			t.Fatal(err)
		}
	}
	stage := func(line int64) {
		do(func(tx *journal.Tx) error {
			return tx.Stage(&f, []journal.Staged{{Rows: []journal.Row{{Line: line, State: journal.RowRejected}}}})
		})
	}
	do(func(tx *journal.Tx) (err error) {
		f, err = tx.NewFile(journal.File{Flow: "a", Account: "psp", Name: "x.csv", Place: "/in/x.csv"}, func(id int64) string { return fmt.Sprint("/in/.c-", id) })
		return err
	})
	stage(2)
	do(func(tx *journal.Tx) error { return tx.Order(f.ID, 0, 1<<60) })
	do(func(tx *journal.Tx) error { _, err := tx.Unstage(f.ID, 100); return err })
	stage(3)
	rows, err := j.Rows(ctx, f.ID, 0, 10, nil)
	if err != nil || len(rows) != 1 || rows[0].Line != 3 {
		t.Errorf("rows %v, %v; want the one of line 3", rows, err)
	}
}

// TestAnswersOfWhatWasSent: who sent a request knows what it answers, and yet one about which somebody decided meanwhile is left
// as it is. The events are the same as where the journal is asked.
func TestAnswersOfWhatWasSent(t *testing.T) {
	for _, decided := range []bool{false, true} {
		var told [2][]journal.Event
		for i, knows := range []bool{false, true} {
			ctx := t.Context()
			j := open(t, t.TempDir(), journal.Options{Now: func() time.Time { return time.UnixMicro(1_800_000_000_000_000) }})
			f := take(t, j, "a", "R1", "R2", "R3")
			list, err := j.Sendable(ctx, f.ID, 0, 1<<60, 10)
			if err != nil || len(list) != 3 {
				t.Fatalf("sendable: %d, %v; want 3", len(list), err)
			}
			var answers []journal.Answer
			var ids []int64
			for k := range list {
				list[k].State = payment.Sending
				a := journal.Answer{ID: list[k].ID, State: payment.Open, PaymentID: fmt.Sprint("p", k), Link: "https://pay.example"}
				if k == 2 {
					a = journal.Answer{ID: list[k].ID, State: payment.Refused, Code: "NV-2001", Message: "[x] no"}
				}
				if knows {
					a.Of = &list[k]
				}
				answers, ids = append(answers, a), append(ids, list[k].ID)
			}
			if err := j.Do(ctx, func(tx *journal.Tx) error {
				if _, err := tx.MarkSending(ids); err != nil || !decided {
					return err
				}
				return tx.Exec("UPDATE instruction SET state = 'refused', finished = 1 WHERE id = ?", ids[1])
			}); err != nil {
				t.Fatal(err)
			}
			if err := j.Do(ctx, func(tx *journal.Tx) error { return tx.RecordAnswers(answers) }); err != nil {
				t.Fatal(err)
			}
			want := []payment.State{payment.Open, payment.Open, payment.Refused}
			if decided {
				want[1] = payment.Refused
			}
			for k, id := range ids {
				it, err := j.Item(ctx, id)
				if err != nil || it.State != want[k] || (it.OwnPaymentID != "") != (want[k] == payment.Open) {
					t.Errorf("knows %v, decided %v: row %d is %s %q, %v", knows, decided, k, it.State, it.OwnPaymentID, err)
				}
				events, err := j.EventsOf(ctx, id)
				if err != nil {
					t.Fatal(err)
				}
				told[i] = append(told[i], events...)
			}
		}
		if len(told[0]) == 0 || fmt.Sprint(told[0]) != fmt.Sprint(told[1]) {
			t.Errorf("decided %v: told\n%v\nand\n%v", decided, told[0], told[1])
		}
	}
}

// TestOneFailureSpoilsNoNeighbour: writes that share a commit fail alone.
func TestOneFailureSpoilsNoNeighbour(t *testing.T) {
	j := open(t, t.TempDir(), journal.Options{})
	boom := errors.New("boom")
	var wg sync.WaitGroup
	errs := make([]error, 64)
	for i := range errs {
		wg.Go(func() {
			errs[i] = j.Do(t.Context(), func(tx *journal.Tx) error {
				if err := tx.SetFlow(fmt.Sprint("flow", i), "paused", "all"); err != nil {
					return err
				}
				if i%7 == 0 {
					return boom
				}
				return nil
			})
		})
	}
	wg.Wait()
	for i, err := range errs {
		if want := i%7 == 0; errors.Is(err, boom) != want {
			t.Errorf("write %d: %v", i, err)
		}
		f, err := j.Flow(t.Context(), fmt.Sprint("flow", i))
		if err != nil || (f.Paused == "all") != (i%7 != 0) {
			t.Errorf("write %d: flow is %+v, %v", i, f, err)
		}
	}
}

func TestSecondInstanceIsRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, journal.Options{})
	if _, err := sqlite.Open(t.Context(), dir, journal.Options{}); !errors.Is(err, journal.ErrLocked) {
		t.Errorf("second open: %v, want ErrLocked", err)
	}
}

// TestFence: whoever took over later is the only one who writes.
func TestFence(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	v, err := sqlite.View(t.Context(), dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if err := v.TakeOver(t.Context(), "another"); err != nil {
		t.Fatal(err)
	}
	err = j.Do(t.Context(), func(tx *journal.Tx) error { return tx.SetFlow("a", "paused", "all") })
	if !errors.Is(err, journal.ErrFenced) {
		t.Errorf("a write of the older epoch: %v, want ErrFenced", err)
	}
	if f, _ := j.Flow(t.Context(), "a"); f.Paused != "" {
		t.Error("the fenced write took effect")
	}
}

func TestNewerJournalIsRefused(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	if err := j.Do(t.Context(), func(tx *journal.Tx) error { return tx.Exec("INSERT INTO schema_version VALUES (9999)") }); err != nil {
		t.Fatal(err)
	}
	j.Close()
	if _, err := sqlite.Open(t.Context(), dir, journal.Options{}); !errors.Is(err, journal.ErrNewer) {
		t.Errorf("open: %v, want ErrNewer", err)
	}
}

// TestStagedIsInvisible: rows of a file that is not accepted are neither known nor sendable, and can be taken back.
func TestStagedIsInvisible(t *testing.T) {
	ctx := t.Context()
	j := open(t, t.TempDir(), journal.Options{})
	f := take(t, j, "a", "R1")
	if err := j.Do(ctx, func(tx *journal.Tx) error {
		return tx.SetFile(f.ID, []string{journal.FileAccepted}, "state", journal.FileSpooled, "judged", 0)
	}); err != nil {
		t.Fatal(err)
	}
	g := take(t, j, "a", "R1")
	first, last, err := j.StagedRange(ctx, g.ID)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := j.Matches(ctx, &g, first-1, last); err != nil || len(m) != 0 {
		t.Errorf("matches with an invisible file: %d, %v", len(m), err)
	}
	if files, err := j.SendableFiles(ctx, "psp", 1<<60); err != nil || len(files) != 1 || files[0] != g.ID {
		t.Errorf("sendable files %v, %v; want only the accepted one", files, err)
	}
	if list, err := j.Sendable(ctx, g.ID, 0, 1<<60, 9); err != nil || len(list) != 1 {
		t.Errorf("an invisible row holds a visible one back: %d, %v", len(list), err)
	}
	var n int64
	if err := j.Do(ctx, func(tx *journal.Tx) (err error) { n, err = tx.Unstage(f.ID, 100); return err }); err != nil || n != 1 {
		t.Errorf("unstaged %d, %v; want 1", n, err)
	}
	if err := j.Do(ctx, func(tx *journal.Tx) (err error) { n, err = tx.Unstage(g.ID, 100); return err }); err != nil {
		t.Error(err)
	}
	if list, _ := j.Sendable(ctx, g.ID, 0, 1<<60, 9); len(list) != 1 {
		t.Error("an accepted file was unstaged")
	}
}

func TestInterrupted(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	f := take(t, j, "a", "R1", "R2")
	list, _ := j.Sendable(ctx, f.ID, 0, 1<<60, 1)
	if err := j.Do(ctx, func(tx *journal.Tx) error { _, err := tx.MarkSending([]int64{list[0].ID}); return err }); err != nil {
		t.Fatal(err)
	}
	j.Close()
	j = open(t, dir, journal.Options{})
	at := time.Now().Add(time.Minute).UnixMicro()
	var n int
	if err := j.Do(ctx, func(tx *journal.Tx) (err error) { n, err = tx.Interrupted("psp", at, "NV-2101", ""); return err }); err != nil || n != 1 {
		t.Fatalf("interrupted %d, %v; want 1", n, err)
	}
	it, _ := j.Item(ctx, list[0].ID)
	due, err := j.DueBefore(ctx, "look", "psp", at, 9)
	if it.State != payment.Uncertain || err != nil || len(due) != 1 || due[0].Subject != it.ID || due[0].At != at {
		t.Errorf("state %s, due %+v, %v", it.State, due, err)
	}
}

func TestNamesAreNeverSharedByReturns(t *testing.T) {
	j := open(t, t.TempDir(), journal.Options{})
	number := func(n string, i int) string {
		if i == 1 {
			return n
		}
		return fmt.Sprint(n, ".", i)
	}
	if err := j.Do(t.Context(), func(tx *journal.Tx) error {
		for range 3 {
			if _, err := tx.AddDelivery(journal.Delivery{Flow: "a", Kind: "x", Folder: "/out", Name: "n"}, number); err != nil {
				return err
			}
		}
		_, err := tx.AddDelivery(journal.Delivery{Flow: "a", Kind: "x", Folder: "/other", Name: "n"}, number)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	list, err := j.Outbox(t.Context(), "a", 10)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range list {
		names = append(names, filepath.Join(d.Folder, d.Name))
	}
	if got := fmt.Sprint(names); got != "[/out/n /out/n.2 /out/n.3 /other/n]" {
		t.Errorf("names %s", got)
	}
}

// TestCommitFault is the control of the groups: what was reported as written survives, what was not does not.
func TestCommitFault(t *testing.T) {
	dir := t.TempDir()
	fail := false
	crash := errors.New("crash")
	j := open(t, dir, journal.Options{Fault: func(op string) error {
		if fail && op == "commit" {
			return crash
		}
		return nil
	}})
	if err := j.Do(t.Context(), func(tx *journal.Tx) error { return tx.SetFlow("kept", "paused", "all") }); err != nil {
		t.Fatal(err)
	}
	fail = true
	if err := j.Do(t.Context(), func(tx *journal.Tx) error { return tx.SetFlow("lost", "paused", "all") }); !errors.Is(err, crash) {
		t.Fatalf("err %v, want the crash", err)
	}
	j.Close()
	j = open(t, dir, journal.Options{})
	kept, _ := j.Flow(context.Background(), "kept")
	lost, _ := j.Flow(context.Background(), "lost")
	if kept.Paused != "all" || lost.Paused != "" {
		t.Errorf("kept %+v, lost %+v", kept, lost)
	}
}

// TestUpgradeLists: a journal of the version before the list of the unfinished had a column of its own, with a row on its way and
// an answered one, is upgraded to what it would be by now.
func TestUpgradeLists(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	j := open(t, dir, journal.Options{})
	f := take(t, j, "a", "R1", "R2", "R3")
	list, err := j.Sendable(ctx, f.ID, 0, 1<<60, 2)
	if err != nil || len(list) != 2 {
		t.Fatalf("%d sendable, %v", len(list), err)
	}
	if err := j.Do(ctx, func(tx *journal.Tx) error {
		if _, err := tx.MarkSending([]int64{list[0].ID, list[1].ID}); err != nil {
			return err
		}
		for _, id := range []string{"p1", "p9"} { // the older version had kept them
			if err := tx.KeepStray("psp", payment.Change{EventID: "e" + id, Now: payment.Snapshot{PaymentID: id}}, []byte("{}")); err != nil {
				return err
			}
		}
		return tx.RecordAnswers([]journal.Answer{{ID: list[0].ID, State: payment.Open, PaymentID: "p1"}})
	}); err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{
		"DROP INDEX stray_known", "ALTER TABLE stray DROP COLUMN known",
		"DROP INDEX instruction_unfinished", "ALTER TABLE instruction DROP COLUMN finished", "DROP INDEX row_closed", "DROP INDEX row_closed_file",
		"CREATE INDEX instruction_unfinished ON instruction (file_id, id) WHERE state IN ('accepted', 'held', 'sending', 'uncertain', 'pending')",
		"CREATE INDEX row_closed ON row (reference) WHERE state IN ('rejected', 'skipped', 'duplicate')",
		"CREATE INDEX row_closed_file ON row (file_id, id) WHERE state IN ('rejected', 'skipped', 'duplicate')",
		"DELETE FROM schema_version WHERE version > 12", "UPDATE meta SET value = '12' WHERE name = 'schema'",
	} {
		if err := j.Do(ctx, func(tx *journal.Tx) error { return tx.Exec(q) }); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.View(ctx, dir, journal.Options{}); !errors.Is(err, journal.ErrOlder) {
		t.Fatalf("it is not older: %v", err)
	}
	told := 0
	j = open(t, dir, journal.Options{Upgrading: func() { told++ }})
	if told != 1 {
		t.Errorf("told %d times that it is upgraded", told)
	}
	if differs, err := j.CheckTally(ctx); differs != "" || err != nil {
		t.Errorf("%s %v", differs, err)
	}
	if strays, err := j.Strays(ctx, "psp", 9); err != nil || len(strays) != 1 || strays[0].PaymentID != "p1" {
		t.Errorf("kept news of known payments: %v, %v; want that of p1 alone", strays, err)
	}
	rest, err := j.Sendable(ctx, f.ID, 0, 1<<60, 9)
	if err != nil || len(rest) != 1 || rest[0].Reference != "R3" {
		t.Errorf("sendable %v, %v; want R3 alone", rest, err)
	}
	var n int
	if err := j.Do(ctx, func(tx *journal.Tx) (err error) { n, err = tx.Interrupted("psp", 1, "NV-2101", ""); return err }); err != nil || n != 1 {
		t.Errorf("%d were interrupted, %v; want R2 alone", n, err)
	}
}
