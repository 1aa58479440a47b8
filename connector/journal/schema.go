package journal

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// migrations is the schema, step by step: add at the end, never change what stands. An upgrade is one transaction.
// The SQL is the part that SQLite and PostgreSQL share; {blob} and {id} stand for what they spell differently.
// In SQLite {id} must be INTEGER to the letter: any other type makes the key an index beside the table, a second tree to
// write with each row and to go down with each look (https://sqlite.org/lang_createtable.html#rowid). A journal that began
// with BIGINT works the same, only slower.
// Times are microseconds since 1970 UTC, 0 = none; amounts are minor units.
var migrations = []string{`
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE counter (name TEXT PRIMARY KEY, value BIGINT NOT NULL);
CREATE TABLE lease (name TEXT PRIMARY KEY, owner TEXT NOT NULL, epoch BIGINT NOT NULL);

CREATE TABLE flow (
  name TEXT PRIMARY KEY,
  paused TEXT NOT NULL DEFAULT '',          -- '' | intake | all
  approved TEXT NOT NULL DEFAULT '',        -- mapping hash and account that a first file was released for
  last_file_at BIGINT NOT NULL DEFAULT 0,
  status_seq BIGINT NOT NULL DEFAULT 0,     -- number of the last status file, gapless
  status_mark BIGINT NOT NULL DEFAULT 0,    -- last event told
  status_at BIGINT NOT NULL DEFAULT 0);
CREATE TABLE gateway (
  account TEXT PRIMARY KEY,
  stopped TEXT NOT NULL DEFAULT '',         -- why nothing is sent until resume, reload or restart
  stopped_at BIGINT NOT NULL DEFAULT 0,
  cursor TEXT NOT NULL DEFAULT '');         -- place in the feed of events

CREATE TABLE file (
  id {id} PRIMARY KEY,
  flow TEXT NOT NULL, account TEXT NOT NULL,
  name {blob} NOT NULL,                     -- as dropped: bytes, perhaps not UTF-8
  stem TEXT NOT NULL DEFAULT '',            -- of its returns, given once with the first of them
  claim {blob} NOT NULL,                    -- path it was renamed to
  place {blob} NOT NULL,                    -- path where it is now
  markers TEXT NOT NULL DEFAULT '',         -- names of its marker files still to be moved away, JSON
  state TEXT NOT NULL, code TEXT NOT NULL DEFAULT '', message TEXT NOT NULL DEFAULT '',
  size BIGINT NOT NULL, mtime BIGINT NOT NULL, sha256 TEXT NOT NULL DEFAULT '',
  mapping TEXT NOT NULL DEFAULT '',         -- name and hash of the mapping that judged it
  layout {blob},                            -- dialect, titles and head of the source, JSON
  received_at BIGINT NOT NULL, judged_at BIGINT NOT NULL DEFAULT 0, deadline BIGINT NOT NULL DEFAULT 0, send_after BIGINT NOT NULL DEFAULT 0,
  released TEXT NOT NULL DEFAULT '',        -- holds that a person has lifted
  judged BIGINT NOT NULL DEFAULT 0,         -- 1: its rows are visible
  result_fixed BIGINT NOT NULL DEFAULT 0,   -- 1: the result's bytes are fixed; later answers go to status files
  n_rows BIGINT NOT NULL DEFAULT 0, n_left_out BIGINT NOT NULL DEFAULT 0, n_accepted BIGINT NOT NULL DEFAULT 0, n_held BIGINT NOT NULL DEFAULT 0,
  n_rejected BIGINT NOT NULL DEFAULT 0, n_skipped BIGINT NOT NULL DEFAULT 0, n_duplicate BIGINT NOT NULL DEFAULT 0);
CREATE INDEX file_sha ON file (sha256, flow);
CREATE INDEX file_flow ON file (flow, id);
CREATE INDEX file_live ON file (state, id) WHERE state NOT IN ('done', 'rejected', 'duplicate', 'superseded', 'gone');

CREATE TABLE row (
  id {id} PRIMARY KEY, file_id BIGINT NOT NULL, line BIGINT NOT NULL,
  document BIGINT NOT NULL,                 -- first row of its document
  kind TEXT NOT NULL, reference TEXT NOT NULL, amount BIGINT, currency TEXT NOT NULL,
  state TEXT NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL);
CREATE INDEX row_file ON row (file_id, id);
CREATE INDEX row_document ON row (document);

-- Personal data, apart so that it can be erased: source cells, customer, fields. Events hold none.
-- body is that of the document's first instruction, without the customer: the instruction's own row stays small, since it is
-- written three times.
CREATE TABLE personal (row_id {id} PRIMARY KEY, raw {blob}, customer {blob}, fields {blob}, body {blob});

CREATE TABLE instruction (
  id {id} PRIMARY KEY, file_id BIGINT NOT NULL, row_id BIGINT NOT NULL, line BIGINT NOT NULL,
  flow TEXT NOT NULL, account TEXT NOT NULL, namespace TEXT NOT NULL,
  kind TEXT NOT NULL, operation TEXT NOT NULL, reference TEXT NOT NULL, part TEXT NOT NULL,
  lane TEXT NOT NULL,                       -- what keeps its order: the reference, else the transaction
  revision BIGINT NOT NULL, key TEXT NOT NULL,
  identity TEXT NOT NULL,                   -- of operations
  fingerprint TEXT NOT NULL,                -- digest of the values compared when it comes again
  amount BIGINT, currency TEXT NOT NULL,
  state TEXT NOT NULL, code TEXT NOT NULL DEFAULT '', message TEXT NOT NULL DEFAULT '',
  body {blob},                              -- the rest of it, without the customer; NULL: it stands in personal
  payment_id TEXT NOT NULL DEFAULT '', transaction_id TEXT NOT NULL DEFAULT '', link TEXT NOT NULL DEFAULT '',
  method TEXT NOT NULL DEFAULT '', paid BIGINT NOT NULL DEFAULT 0, refunded BIGINT NOT NULL DEFAULT 0,
  attempts BIGINT NOT NULL DEFAULT 0, sent_at BIGINT NOT NULL DEFAULT 0, answered_at BIGINT NOT NULL DEFAULT 0,
  not_before BIGINT NOT NULL DEFAULT 0, revision_of BIGINT NOT NULL DEFAULT 0);
CREATE INDEX instruction_lane ON instruction (lane, part);
CREATE INDEX instruction_unfinished ON instruction (file_id, id) WHERE state IN ('accepted', 'held', 'sending', 'uncertain', 'pending');
CREATE INDEX instruction_row ON instruction (row_id);
CREATE INDEX instruction_file ON instruction (file_id, id);
CREATE INDEX instruction_revision ON instruction (revision_of) WHERE revision_of > 0;
CREATE INDEX instruction_identity ON instruction (identity) WHERE identity <> '';
CREATE INDEX instruction_payment ON instruction (payment_id) WHERE payment_id <> '';
CREATE INDEX instruction_transaction ON instruction (transaction_id) WHERE transaction_id <> '';

-- Append-only. One number sequence, in the order of commits, so that readers with a mark miss nothing.
CREATE TABLE event (
  id {id} PRIMARY KEY, instruction_id BIGINT NOT NULL, flow TEXT NOT NULL, account TEXT NOT NULL,
  word TEXT NOT NULL, state TEXT NOT NULL, previous TEXT NOT NULL,
  amount BIGINT, currency TEXT NOT NULL, moved BIGINT NOT NULL,
  method TEXT NOT NULL, payment_id TEXT NOT NULL, transaction_id TEXT NOT NULL,
  occurred_at BIGINT NOT NULL, recorded_at BIGINT NOT NULL, code TEXT NOT NULL, reason TEXT NOT NULL,
  psp_event TEXT NOT NULL,                  -- the PSP's id of it, '' when it came by a read
  tell BIGINT NOT NULL);                    -- 1: a status file tells it
CREATE INDEX event_instruction ON event (instruction_id, id);
CREATE INDEX event_tell ON event (flow, id) WHERE tell = 1;
CREATE UNIQUE INDEX event_psp ON event (account, psp_event) WHERE psp_event <> '';

-- Money that moved or was tried, one line each: attempts, captures, refunds, charge-backs, remittances.
CREATE TABLE transaction_ (
  id {id} PRIMARY KEY, instruction_id BIGINT NOT NULL, account TEXT NOT NULL, transaction_id TEXT NOT NULL,
  kind TEXT NOT NULL, amount BIGINT NOT NULL, currency TEXT NOT NULL, method TEXT NOT NULL, occurred_at BIGINT NOT NULL, event_id BIGINT NOT NULL);
CREATE INDEX transaction_instruction ON transaction_ (instruction_id);
CREATE INDEX transaction_number ON transaction_ (transaction_id);

-- What is to be done at a time, whatever happens to the process.
CREATE TABLE due (kind TEXT NOT NULL, subject BIGINT NOT NULL, account TEXT NOT NULL, at BIGINT NOT NULL, n BIGINT NOT NULL, PRIMARY KEY (kind, subject));
CREATE INDEX due_at ON due (account, kind, at);

-- News of a payment request nobody here knows yet (its own answer may still be on its way).
CREATE TABLE stray (account TEXT NOT NULL, payment_id TEXT NOT NULL, psp_event TEXT NOT NULL, body {blob} NOT NULL, received_at BIGINT NOT NULL, PRIMARY KEY (account, payment_id, psp_event));
-- Notifications received: noted before they are acknowledged, then read again at the PSP.
CREATE TABLE notice (account TEXT NOT NULL, notice_id TEXT NOT NULL, payment_id TEXT NOT NULL, received_at BIGINT NOT NULL, done BIGINT NOT NULL, PRIMARY KEY (account, notice_id));
CREATE INDEX notice_open ON notice (account, received_at) WHERE done = 0;

-- The outbox: returns whose bytes are fixed in the spool under their sha256.
CREATE TABLE delivery (
  id {id} PRIMARY KEY, flow TEXT NOT NULL, file_id BIGINT NOT NULL, kind TEXT NOT NULL, seq BIGINT NOT NULL,
  folder {blob} NOT NULL, name {blob} NOT NULL, length BIGINT NOT NULL, sha256 TEXT NOT NULL,
  state TEXT NOT NULL,                      -- fixed | published
  fixed_at BIGINT NOT NULL, published_at BIGINT NOT NULL DEFAULT 0, attempts BIGINT NOT NULL DEFAULT 0);
CREATE INDEX delivery_open ON delivery (flow, id) WHERE state = 'fixed';
CREATE INDEX delivery_file ON delivery (file_id);
CREATE INDEX delivery_name ON delivery (name);
-- Marks of the readers of events beside the status files: a mapping's own returns, later mail and receipts.
CREATE TABLE mark (reader TEXT PRIMARY KEY, event_id BIGINT NOT NULL, at BIGINT NOT NULL);
CREATE TABLE stem (flow TEXT NOT NULL, stem TEXT NOT NULL, used BIGINT NOT NULL, PRIMARY KEY (flow, stem));

-- People's decisions: written by the command line, applied by the daemon, which checks the rights.
CREATE TABLE command (
  id {id} PRIMARY KEY, verb TEXT NOT NULL, subject TEXT NOT NULL, argument TEXT NOT NULL, reason TEXT NOT NULL,
  actor_kind TEXT NOT NULL, actor_id TEXT NOT NULL, actor_name TEXT NOT NULL,
  written_at BIGINT NOT NULL, applied_at BIGINT NOT NULL DEFAULT 0, state TEXT NOT NULL, result TEXT NOT NULL DEFAULT '');
CREATE INDEX command_new ON command (id) WHERE state = 'new';
`, `
-- 1: not sent before the request it replaces is closed (due kind 'replace').
ALTER TABLE instruction ADD COLUMN waits BIGINT NOT NULL DEFAULT 0;
-- Who dropped a file, as far as its folder tells: the number of a user, '' = not known.
ALTER TABLE file ADD COLUMN dropped_by TEXT NOT NULL DEFAULT '';
-- First releases of what needs a second person.
CREATE TABLE approval (subject TEXT NOT NULL, actor_id TEXT NOT NULL, actor_name TEXT NOT NULL, reason TEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (subject, actor_id));
`,
	// Pages of payment requests whose PSP has no links of its own. The link holds the token, this table its digest.
	`
CREATE TABLE page (
  digest TEXT PRIMARY KEY,                  -- sha256 of the token, hex
  instruction_id BIGINT NOT NULL, made_at BIGINT NOT NULL, expires_at BIGINT NOT NULL,
  opened_at BIGINT NOT NULL DEFAULT 0,      -- last form given out: since the first the PSP may know of it
  closed_at BIGINT NOT NULL DEFAULT 0);     -- no form any more: the request is being cancelled
CREATE INDEX page_instruction ON page (instruction_id);
`, `
-- Instructions by flow and state, moved with the events; accepted stands for sending and uncertain, too.
CREATE TABLE tally (flow TEXT NOT NULL, state TEXT NOT NULL, n BIGINT NOT NULL, PRIMARY KEY (flow, state));
INSERT INTO tally SELECT i.flow, CASE WHEN i.state IN ('sending', 'uncertain') THEN 'accepted' ELSE i.state END, count(*) FROM instruction i JOIN file f ON f.id = i.file_id
 WHERE f.judged = 1 GROUP BY 1, 2;
CREATE INDEX instruction_uncertain ON instruction (flow) WHERE state = 'uncertain';
`, `
-- Rows that became nothing to send, for where and rows.
CREATE INDEX row_closed ON row (reference) WHERE state IN ('rejected', 'skipped', 'duplicate');
CREATE INDEX row_closed_file ON row (file_id, id) WHERE state IN ('rejected', 'skipped', 'duplicate');
`,
	// The chain of digests over the events (chain.go), and what was erased on purpose (erase.go): the sha256 of kept bytes,
	// gone = 0 until they have left the spool; "f12" for the personal data of a whole file.
	`
CREATE TABLE chain (id {id} PRIMARY KEY, first BIGINT NOT NULL, digest TEXT NOT NULL);
CREATE TABLE erased (what TEXT PRIMARY KEY, why TEXT NOT NULL, at BIGINT NOT NULL, gone BIGINT NOT NULL);
CREATE INDEX erased_pending ON erased (what) WHERE gone = 0;
`, `
-- The transaction a notification names, '' where it names none.
ALTER TABLE notice ADD COLUMN transaction_id TEXT NOT NULL DEFAULT '';
`, `
-- What else has the same bytes, before they leave the spool.
CREATE INDEX delivery_sha ON delivery (sha256);
`, `
-- The PSP's own word for where an operation's transaction stands, '' where it gave none.
ALTER TABLE event ADD COLUMN psp_state TEXT NOT NULL DEFAULT '';
`, `
CREATE INDEX notice_payment ON notice (account, payment_id) WHERE transaction_id <> '';
`, `
-- Status files, for where.
CREATE INDEX delivery_status ON delivery (flow, fixed_at) WHERE kind = 'status';
`, `
-- The rows of a file by line, where its documents gather rows that stand apart: their ids go by document.
CREATE TABLE row_order (file_id BIGINT NOT NULL, line BIGINT NOT NULL, row_id BIGINT NOT NULL, PRIMARY KEY (file_id, line, row_id));
`,
	// A condition of an index is looked at with every write of a column it names, and the entry written anew. finished is 1
	// where the state is answered (payment.State.Answered): to send an instruction no longer touches the index. The default
	// is for what stands there already, so that no million rows are written anew: whoever adds an instruction says 0.
	`
ALTER TABLE instruction ADD COLUMN finished BIGINT NOT NULL DEFAULT 1;
UPDATE instruction SET finished = 0 WHERE state IN ('accepted', 'held', 'sending', 'uncertain', 'pending');
DROP INDEX instruction_unfinished;
CREATE INDEX instruction_unfinished ON instruction (file_id, id) WHERE finished = 0;
DROP INDEX row_closed;
DROP INDEX row_closed_file;
CREATE INDEX row_closed ON row (reference) WHERE state <> 'accepted' AND state <> 'held';
CREATE INDEX row_closed_file ON row (file_id, id) WHERE state <> 'accepted' AND state <> 'held';
`,
	// Kept news says itself when its payment has become known. Payments by era first (paid.go).
	`
ALTER TABLE stray ADD COLUMN known BIGINT NOT NULL DEFAULT 0;
UPDATE stray SET known = 1 WHERE EXISTS (SELECT 1 FROM instruction i WHERE i.payment_id = stray.payment_id AND i.payment_id <> '' AND i.account = stray.account);
CREATE INDEX stray_known ON stray (account, received_at) WHERE known = 1;
DROP INDEX instruction_payment;
CREATE INDEX instruction_payment ON instruction ((id >> 12), payment_id) WHERE payment_id <> '';
`,
}

func (j *Journal) migrate(tx *Tx, upgrading func()) (err error) {
	if _, err := tx.direct("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)", nil, nil); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	version := 0
	if err := tx.one("SELECT coalesce(max(version), 0) FROM schema_version").Scan(&version); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if version > len(migrations) {
		return fmt.Errorf("%w (schema %d, this version knows %d)", ErrNewer, version, len(migrations))
	}
	if version == len(migrations) {
		return nil
	}
	if version > 0 {
		if upgrading != nil {
			upgrading()
		}
		if j.d.Spill != "" {
			if _, err := tx.direct(j.d.Spill, nil, nil); err != nil {
				return fmt.Errorf("journal: %w", err)
			}
			defer func() {
				_, back := tx.direct(j.d.Usual, nil, nil)
				err = errors.Join(err, back)
			}()
		}
	}
	err = tx.atomic(func() error { // all or none of it: a failed upgrade leaves the journal to the version that wrote it
		for ; version < len(migrations); version++ {
			if err := tx.step(version); err != nil {
				return fmt.Errorf("schema %d: %w", version+1, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("journal: upgrade: %w", err)
	}
	return nil
}

// step brings the schema from version v to the next.
func (tx *Tx) step(v int) error {
	spell := strings.NewReplacer("{blob}", tx.j.d.Blob, "{id}", tx.j.d.ID)
	for stmt := range strings.SplitSeq(spell.Replace(stripComments(migrations[v])), ";") {
		if stmt = strings.TrimSpace(stmt); stmt == "" {
			continue
		}
		if _, err := tx.direct(stmt, nil, nil); err != nil {
			return err
		}
	}
	if _, err := tx.exec("INSERT INTO schema_version VALUES (?)", v+1); err != nil {
		return err
	}
	if v > 0 {
		_, err := tx.exec("UPDATE meta SET value = ? WHERE name = 'schema'", strconv.Itoa(v+1))
		return err
	}
	for _, n := range []string{"file", "row", "instruction", "event", "transaction", "delivery"} {
		if _, err := tx.exec("INSERT INTO counter VALUES (?, 0)", n); err != nil {
			return err
		}
	}
	if _, err := tx.exec("INSERT INTO lease VALUES ('writer', '', 0)"); err != nil {
		return err
	}
	if _, err := tx.exec("INSERT INTO meta VALUES ('journal', ?)", randomID()); err != nil {
		return err
	}
	_, err := tx.exec("INSERT INTO meta VALUES ('schema', ?)", strconv.Itoa(v+1))
	return err
}

// stripComments drops "-- …" so that a semicolon in a comment splits nothing.
func stripComments(s string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(s, "\n") {
		line, _, _ = strings.Cut(line, "--")
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return b.String()
}
