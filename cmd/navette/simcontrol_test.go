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
	long(t, "builds the tests once for each mutant")
	for _, m := range replaceMutants {
		t.Run(m.name, func(t *testing.T) { m.turnsRed(t, "./connector", "TestSimulateReplace") })
	}
}

// controls are mutants that one test must notice.
var controls = []struct {
	mutant
	where, test string
}{
	{mutant{"an operation by its transaction goes in a lane of its own", []edit{{"connector/target.go", "tx.SetLanes(f, lanes)", "tx.SetLanes(f, nil)"}}}, "./connector", "TestOrderByTransaction"},
	{mutant{"what an operation acted on is not read again", []edit{{"connector/dispatch.go", "a.Touched, a.TouchedAt = it.Target.ID", "a.Touched, a.TouchedAt = 0*it.Target.ID"}}}, "./connector", "TestOperationShowsInItsTarget"},
	{mutant{"the order of rows outlives their unstaging", []edit{{"connector/journal/stage.go", `"DELETE FROM row_order WHERE file_id = ? AND`, `"DELETE FROM row_order WHERE file_id = -? AND`}}}, "./connector/journal", "TestUnstageForgetsTheOrder"},
	{mutant{"an answer is taken though somebody decided meanwhile", []edit{{"connector/journal/dispatch.go", "\t\tif sure {", "\t\tif true || sure {"}}}, "./connector/journal", "TestAnswersOfWhatWasSent"},
	{mutant{"an answered instruction stays on the list of the unfinished", []edit{{"connector/journal/dispatch.go", "string(a.State), a.State.Answered(), a.Code", "string(a.State), false, a.Code"}}}, "./connector", "TestOperationShowsInItsTarget"},
	{mutant{"a staged instruction is not on the list of the unfinished", []edit{{"connector/journal/stage.go", "body, in.TransactionID, 0)", "body, in.TransactionID, 1)"}}}, "./connector/journal", "TestUpgradeLists"},
	{mutant{"a retried instruction is not on the list of the unfinished", []edit{{"connector/journal/decide.go", "currency, 'accepted', 0, body", "currency, 'accepted', 1, body"}}}, "./connector", "TestRegressRetryAgainAndAgain"},
	{mutant{"the cancel of a replaced request is not on the list of the unfinished", []edit{{"connector/journal/target.go", "NULL,'','accepted',0,?)", "NULL,'','accepted',1,?)"}}}, "./connector", "TestSimulateReplace"},
	{mutant{"an older journal's lists are not made whole", []edit{{"connector/journal/schema.go", "UPDATE instruction SET finished = 0 WHERE", "UPDATE instruction SET finished = 1 WHERE"}}}, "./connector/journal", "TestUpgradeLists"},
	{mutant{"a commit does not wait for the disk", []edit{{"connector/journal/sqlite/sqlite.go", `"synchronous(FULL)", "cache_size(-4000)"`, `"synchronous(OFF)", "cache_size(-4000)"`}}}, "./connector/journal/sqlite", "TestWriter"},
	{mutant{"a wrong count is told by nobody", []edit{{"connector/care.go", "if differs != \"\" {", "if false {"}}}, "./connector", "TestInspectCounts"},
	{mutant{"a kept connection is written to though the server hung up", []edit{{"connector/gateway/conn.go", "!c.kept.IsZero() && !quiet(fd)", "false"}}}, "./connector/gateway", "TestHungUpMeanwhile"},
	{mutant{"what a server says when it is reached is waited for in vain", []edit{{"connector/gateway/conn.go", "return err != nil || c.kept.IsZero()", "return err != nil"}}}, "./connector/gateway", "TestSpokenToBeforeItSpoke"},
	{mutant{"what came beside an answer is taken for the next one", []edit{{"connector/gateway/conn.go", "c.br.Buffered() > 0", "false"}}}, "./connector/gateway", "TestAnswerNobodyAsked"},
	{mutant{"what TLS holds is taken for the next answer", []edit{{"connector/gateway/conn.go", "c.Conn != net.Conn(c.socket)", "false"}}}, "./connector/gateway", "TestAnswerNobodyAskedTLS"},
	{mutant{"half a record that TLS holds is not seen", []edit{{"connector/gateway/conn.go", "return f.left == 0 && len(f.head) == 0", "return true"}}}, "./connector/gateway", "TestHalfAnAnswerNobodyAsked"},
	{mutant{"a request too late takes its turn with it", []edit{{"connector/gateway/conn.go", "nothing else may fail here\n\t\treturn nil", "nothing else may fail here\n\t\treturn ctx.Err()"}}}, "./connector/gateway", "TestTurnsComeBack"},
	{mutant{"a request that left in part counts as not sent", []edit{{"connector/gateway/client.go", "return nil, wrote, false, err", "return nil, false, false, err"}}}, "./connector/gateway", "TestWroteSome"},
	{mutant{"a request without an answer counts as not sent", []edit{{"connector/gateway/client.go", "return nil, true, false, err", "return nil, false, false, err"}}}, "./connector/gateway", "TestUncertain"},
	{mutant{"answers are forgotten when the group they waited for is not written", []edit{{"connector/feed.go", "durable := false", "durable := true"}, {"connector/feed.go", "durable = err == nil; errors.Is", "durable = true; errors.Is"}}}, "./connector", "TestAnswersOutliveTheirRide"},
	{mutant{"a group takes more room than its answers leave", []edit{{"connector/feed.go", "d.inFlight()+len(r.list))", "d.inFlight()+2*len(r.list))"}}}, "./connector", "TestGroupsKeepTheirBound"},
	{mutant{"what is to be sent again finds no room beside a large file", []edit{{"connector/feed.go", "if d.crowded.Swap(false) {", "if false {"}}}, "./connector", "TestDoubtsFindRoom"},
	{mutant{"a row that is held meanwhile is sent with its group", []edit{{"connector/journal/dispatch.go", "case int(n) == len(part.list):", "case n >= 0:"}}}, "./connector", "TestRideMeetsADecision"},
	{mutant{"a stretch of rows is one longer than it is", []edit{{"connector/journal/bulk.go", "[]any{list[0], list[n-1]}", "[]any{list[0], list[n-1] + 1}"}}}, "./connector/journal", "TestStretches"},
	{mutant{"a folder's marker stays behind the journal", []edit{{"connector/marker.go", "n.markedAt.Load() == at &&", "n.markedAt.Load() > 0 &&"}}}, "./connector", "TestMarkerFollows"},
	{mutant{"news kept for an answer is forgotten when the answer comes", []edit{{"connector/journal/dispatch.go", "tx.nowKnown(events)", "tx.nowKnown(nil)"}}}, "./connector", "TestNewsBeforeItsAnswer"},
	{mutant{"a single pass ends while a row leaves and is answered", []edit{{"connector/visit.go", "d.moved() != moves", "!d.idle() && moves >= 0"}}}, "./connector", "TestPassDoesNotEndBetween"},
	{mutant{"the oldest payments are not found by the PSP's id", []edit{{"connector/journal/paid.go", "AND k.id >> 12 < era.n", "AND k.id >> 12 < era.n - 1"}}}, "./connector/journal", "TestPaymentsOfAllEras"},
	{mutant{"the repeats at a large file's end are not told", []edit{{"cmd/navette/examine.go", "\tsieve.settle()", "\t_ = sieve"}}}, "./cmd/navette", "TestRepeatsOfALargeFile"},
	{mutant{"a request of a file that is being judged does not count", []edit{{"connector/journal/decide.go", "AND i.id <> ? AND i.state NOT IN ('refused', 'expired', 'cancelled')`, it.Lane", "AND i.id <> ? AND i.state NOT IN ('refused', 'expired', 'cancelled') AND i.file_id IN (SELECT id FROM file WHERE judged = 1)`, it.Lane"}}}, "./connector", "TestRetryWhileJudged"},
	{mutant{"a person closes what the PSP has", []edit{{"connector/decide.go", "if it.Code == \"NV-2102\" { // the PSP has it", "if false { // the PSP has it"}}}, "./connector", "TestRefuseOther"},
	{mutant{"what a look-up found is forgotten over a person's word", []edit{{"connector/doubt.go", "now.State == payment.Accepted {", "now.State == payment.Paid {"}}}, "./connector", "TestFoundWhileDecided"},
	{mutant{"the word of an event is believed without its object", []edit{{"connector/follow.go", "!reads || c.Now.State != \"\"", "reads || c.Now.State != \"\""}}}, "./connector", "TestUnreadableEventIsRead"},
	{mutant{"an operation by reference acts on any part of it", []edit{{"connector/gateway/httpgw/body.go", "return in.Target.PaymentID", "return in.PaymentID"}}}, "./connector", "TestPartOverHTTP"},
	{mutant{"a sheet of decisions is read by its ids alone", []edit{{"connector/approve.go", "; says != \"\" {", "; says == holds && says != \"\" {"}}}, "./connector", "TestDecisionsByFile"},
	{mutant{"a release that was taken back counts as the first of two", []edit{{"connector/journal/decide.go", "DELETE FROM approval WHERE subject = ?", "DELETE FROM approval WHERE subject = '-' || ?"}}}, "./connector", "TestFourEyes"},
	{mutant{"a lazily quoted cell runs on to other lines", []edit{{"mappings/csvfile/split.go", "!quoted || p.is == wrong && s.source.Lazy {", "!quoted {"}}}, "./mappings/csvfile", "TestRecords"},
	{mutant{"a failed disk is written on", []edit{{"connector/journal/journal.go", "tx.j.broken.Store(true)", "tx.j.broken.Store(false)"}}}, "./connector/journal/sqlite", "TestBrokenDisk"},
	{mutant{"a file's refusal closes what the PSP has", []edit{{"connector/decide.go", "it.RowID == 0 || it.Code == \"NV-2102\" {", "it.RowID == 0 {"}}}, "./connector", "TestRefuseOtherThenChanged"},
	{mutant{"what waits for the rate leaves while the PSP asked to wait", []edit{{"connector/dispatch.go", "if d.gate.shut(d.now()) == 0 {", "if d.gate.shut(d.now()) >= 0 {"}}}, "./connector", "TestGateBeforeRate"},
	{mutant{"what was looked up leaves while the PSP asked to wait", []edit{{"connector/dispatch.go", "if d.gate.shut(d.now()) > 0 { // shut meanwhile", "if false { // shut meanwhile"}}}, "./connector", "TestGateBehindALookup"},
	{mutant{"what never left is in doubt when it cannot be looked up", []edit{{"connector/dispatch.go", "d.consulting(), it.Doubted\n", "d.consulting(), it.Doubted || d.consulting()\n"}}}, "./connector", "TestStoppedByALookup"},
	{mutant{"refunds add up beyond 64 bits", []edit{{"connector/journal/target.go", "min(a.Unfinished+min(amount.Int64, beyond), beyond)", "a.Unfinished + amount.Int64"}}}, "./connector", "TestActsOverflow"},
	{mutant{"a file that may not be renamed is gone", []edit{{"connector/intake.go", "case err == nil && errors.Is(moved, transports.ErrRefused): // the intent stays", "case false: // the intent stays"}}}, "./connector", "TestNoRightToRename"},
	{mutant{"a drop folder that vanished is made anew", []edit{{"connector/intake.go", "dir == n.flow.In && n.device != \"\" {", "false {"}}}, "./connector", "TestDropFolderStaysGone"},
	{mutant{"half a thousands group is read as a whole amount", []edit{{"mappings/amount.go", "marks > 0 && b[0] == '0'", "marks < 0 && b[0] == '0'"}}}, "./mappings", "TestAmounts"},
	{mutant{"a cut amount at fixed positions is read", []edit{{"mappings/fixed.go", "r.row.cut < 0 ||", "r.row.cut < 1000 ||"}}}, "./mappings", "TestFixedPositions"},
	{mutant{"a reference that became a date is sent", []edit{{"mappings/fields.go", "kind == CellDate && !f.isMissing(text) {", "false {"}}}, "./mappings/xlsxfile", "TestReferenceMadeADate"},
	{mutant{"a journal elsewhere is passed over", []edit{{"cmd/navette/app.go", "Presets: presets.Names(), Secrets: secrets}", "Presets: presets.Names(), Secrets: secrets, Databases: []string{\"postgres\"}}"}}}, "./cmd/navette", "TestScripts/config"},
	{mutant{"work of an account that is gone is told by nobody", []edit{{"connector/left.go", "!accounts(of.Account) {", "false {"}}}, "./connector", "TestOrphanAccount"},
	{mutant{"a NULL is read as a zero", []edit{{"connector/journal/sqlite/conn.go", "\t\treturn errNull", "\t\treturn nil"}}}, "./connector/journal/sqlite", "TestScan"},
}

// TestControls runs a test over each of the controls.
func TestControls(t *testing.T) {
	t.Parallel()
	long(t, "builds the tests once for each mutant")
	for _, c := range controls {
		t.Run(c.name, func(t *testing.T) { c.turnsRed(t, c.where, c.test) })
	}
}

// turnsRed runs a test of a package over the mutant: it must fail.
func (m mutant) turnsRed(t *testing.T, where, test string) {
	t.Helper()
	overlay, root := m.overlay(t)
	cmd := exec.Command("go", "test", "-vet=off", "-count=1", "-timeout=10m", "-failfast", "-run", "^"+test+"$", "-overlay", overlay, where)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "--- FAIL: "+test) {
		t.Errorf("mutation %q was not noticed: %v\n%s", m.name, err, tail(string(out)))
		return
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "_test.go:") {
			t.Logf("noticed: %s", strings.TrimSpace(line))
			break
		}
	}
}
