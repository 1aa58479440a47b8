package connector

import (
	"context"
	"io"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/mappings"
)

// mend fixes the rejected rows of a workbook as a workbook, made from the source's own bytes. Memory holds the lines and
// reasons of the rejected rows.
func (e *engine) mend(ctx context.Context, flow *Flow, f *journal.File, kind string, lay layout, mender mappings.Mender) (answer, error) {
	var rows []mappings.Reject
	said := map[string]string{} // most rows of a bad file are rejected for the same reason
	err := e.lines(ctx, f, complete, func(l *journal.Line) error {
		state, code, text := rowAnswer(f, l)
		if state != journal.RowRejected {
			return nil
		}
		marks, err := mappings.Marks(l.DocFields, int(l.Line))
		if err != nil {
			return err
		}
		if same, ok := said[text]; ok {
			text = same
		} else {
			said[text] = text
		}
		row := mappings.Reject{Line: int(l.Line), Code: code, Message: text, Marks: marks}
		if flow.Mapping.Fills() {
			row.Raw = l.Raw
		}
		rows = append(rows, row)
		return nil
	})
	if err != nil {
		return answer{}, err
	}
	if foot, closed := lay.Head.Closing(lay.Locale); closed {
		rows = append(rows, foot)
	}
	src, err := e.spool.Open(f.SHA256)
	if err != nil {
		return answer{}, err
	}
	defer src.Close()
	digest, size, err := e.spool.Write(ctx, func(w io.Writer) error {
		return mender.Mend(w, mappings.Spooled{ReaderAt: src, Size: f.Size, Name: label(f.Name)}, lay.Head, lay.Dialect, rows)
	})
	return answer{Delivery: journal.Delivery{Flow: flow.Name, FileID: f.ID, Kind: kind, Folder: flow.Out, Length: size, SHA256: digest}}, err
}
