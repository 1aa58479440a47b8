package journal

import "context"

// Page is the customer's page of a request whose PSP has no links of its own. Times are microseconds since 1970 UTC,
// 0 = not yet.
type Page struct {
	Digest                                string // sha256 of the token, hex; the token itself stands in the request's link
	InstructionID                         int64
	MadeAt, ExpiresAt, OpenedAt, ClosedAt int64
}

const pageColumns = "SELECT digest, instruction_id, made_at, expires_at, opened_at, closed_at FROM page WHERE "

func (p *Page) scan(row Record) error {
	return row.Scan(&p.Digest, &p.InstructionID, &p.MadeAt, &p.ExpiresAt, &p.OpenedAt, &p.ClosedAt)
}

// Page finds a page by the digest of its token; ErrMissing when there is none.
func (j *Journal) Page(ctx context.Context, digest string) (p Page, err error) {
	err = p.scan(j.one(ctx, pageColumns+"digest = ?", digest))
	return p, err
}

// PageOf finds the page of the request that an account's PSP knows, or would know, by an id; ErrMissing when there is none.
func (j *Journal) PageOf(ctx context.Context, account, paymentID string) (p Page, err error) {
	err = p.scan(j.one(ctx, pageColumns+"instruction_id = "+newestRequest, paymentID, account))
	return p, err
}

func (tx *Tx) addPage(p *Page, instruction int64) error {
	_, err := tx.exec("INSERT INTO page (digest, instruction_id, made_at, expires_at) VALUES (?, ?, ?, ?)", p.Digest, instruction, tx.Now, p.ExpiresAt)
	return err
}

// OpenPage notes that a form is given out, and asks for a look at the payment at look; ErrState when the page is closed or
// expired by now.
func (tx *Tx) OpenPage(p *Page, account string, look int64) error {
	n, err := tx.exec("UPDATE page SET opened_at = ? WHERE digest = ? AND closed_at = 0 AND expires_at > ?", tx.Now, p.Digest, tx.Now)
	if err == nil && n == 0 {
		err = ErrState
	}
	if err != nil {
		return err
	}
	return tx.SetDue("poll", p.InstructionID, account, look, 0)
}

// ClosePage lets the page of a request give out no form any more.
func (tx *Tx) ClosePage(instruction int64) error {
	_, err := tx.exec("UPDATE page SET closed_at = ? WHERE instruction_id = ? AND closed_at = 0", tx.Now, instruction)
	return err
}
