package journal

import (
	"context"
)

// EntriesOf lists where one row stands, once for each of its instructions; none when there is no such row. FileID and
// everything of a single instruction are found by Item and Where.
func (j *Journal) EntriesOf(ctx context.Context, row int64) (list []Entry, err error) {
	err = j.each(ctx, `SELECT r.id, r.line, f.flow, f.name, r.kind, r.reference, coalesce(i.state, r.state), CASE WHEN i.id IS NULL THEN r.code ELSE i.code END, CASE WHEN i.id IS NULL THEN r.message ELSE i.message END
 FROM row r JOIN file f ON f.id = r.file_id LEFT JOIN instruction i ON i.row_id = r.document WHERE f.judged = 1 AND r.id = ? ORDER BY i.id`, []any{row}, func(r Record) error {
		var e Entry
		var name []byte
		err := r.Scan(&e.RowID, &e.Line, &e.Flow, &name, &e.Kind, &e.Reference, &e.State, &e.Code, &e.Text)
		e.File = string(name)
		list = append(list, e)
		return err
	})
	return list, err
}

// FileOfRow is the file a row stands in.
func (j *Journal) FileOfRow(ctx context.Context, row int64) (file int64, err error) {
	err = j.one(ctx, "SELECT file_id FROM row WHERE id = ?", row).Scan(&file)
	return file, err
}
