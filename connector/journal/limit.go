package journal

import (
	"context"
)

// Over is an accepted instruction whose amount is above a limit.
type Over struct {
	ID, Document, Minor int64
}

// Over lists the accepted instructions of a staged file behind after whose amount is above limit, in minor units of currency.
func (j *Journal) Over(ctx context.Context, file, after int64, currency string, limit int64, most int) (list []Over, err error) {
	err = j.each(ctx, "SELECT id, row_id, amount FROM instruction WHERE file_id = ? AND id > ? AND state = 'accepted' AND currency = ? AND amount > ? ORDER BY id LIMIT ?",
		[]any{file, after, currency, limit, most}, func(r Record) error {
			var o Over
			err := r.Scan(&o.ID, &o.Document, &o.Minor)
			list = append(list, o)
			return err
		})
	return list, err
}
