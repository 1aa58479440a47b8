package journal

import "context"

// RowRange gives the first and the last id of a file's rows, 0 and 0 for none.
func (j *Journal) RowRange(ctx context.Context, file int64) (first, last int64, err error) {
	err = j.one(ctx, "SELECT coalesce(min(id), 0), coalesce(max(id), 0) FROM row WHERE file_id = ?", file).Scan(&first, &last)
	return first, last, err
}

// Order notes the lines of a file's rows with ids behind after up to upto, so that its returns go by line.
func (tx *Tx) Order(file, after, upto int64) error {
	_, err := tx.exec("INSERT INTO row_order SELECT file_id, line, id FROM row WHERE file_id = ? AND id > ? AND id <= ? ON CONFLICT DO NOTHING", file, after, upto)
	return err
}

// FirstRejected is the rejected row of a file that stands first in it.
func (j *Journal) FirstRejected(ctx context.Context, file int64) (r Row, err error) {
	err = j.one(ctx, "SELECT id, line, code FROM row WHERE file_id = ? AND state = 'rejected' ORDER BY line, id LIMIT 1", file).Scan(&r.ID, &r.Line, &r.Code)
	return r, err
}
