package connector

import (
	"context"
	"io"
	"path"
	"strings"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/message"
)

// kindNotice is the text that lies beside a refused file.
const kindNotice = "notice"

// notice explains a refused file in plain words, for whoever finds it in `rejected`.
func (e *engine) notice(ctx context.Context, flow *Flow, f *journal.File, locale string) (answer, error) {
	say := func(key string, args ...string) string { return message.New(key, args...).In(locale) }
	lines := []string{say("ui.notice.refused", "name", oneLine(label(f.Name)), "date", journal.Time(f.ReceivedAt).In(e.location).Format("02/01/2006 15:04")), "", f.Code + "  " + oneLine(f.Message), ""}
	if text := message.Explain(f.Code, locale); text != "" {
		lines = append(lines, text, "")
	}
	lines = append(lines, say("ui.notice.next"))
	digest, size, err := e.spool.Write(ctx, func(w io.Writer) error {
		// A BOM and CRLF: people open it with whatever their Windows has.
		_, err := io.WriteString(w, "\ufeff"+strings.Join(lines, "\r\n")+"\r\n")
		return err
	})
	name := path.Base(f.Place) + ".txt"
	return answer{Delivery: journal.Delivery{Flow: flow.Name, FileID: f.ID, Kind: kindNotice, Folder: flow.Rejected, Length: size, SHA256: digest}, naming: func(string, int64) string { return name }}, err
}
