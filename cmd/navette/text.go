package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/message"
	"github.com/navette-connect/navette/connector/payment"
)

// fail makes an error of a sentence of the catalogue with its exit code.
func (a *app) fail(code int, key string, args ...string) error {
	return &exitError{code, errors.New(a.say(key, args...))}
}

// told ends a command that has said everything, with an exit code.
func told(code int) error { return &exitError{code, errTold} }

// encode writes v as JSON for scripts.
func (a *app) encode(v any) error {
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// cause is why the system would not, in the user's words; otherwise where it is nothing that people meet every day.
func (a *app) cause(err error, otherwise string) string {
	var timeout interface{ Timeout() bool }
	var name *net.DNSError
	for key, is := range map[string]bool{
		"missing": errors.Is(err, fs.ErrNotExist), "rights": errors.Is(err, fs.ErrPermission), "full": errors.Is(err, syscall.ENOSPC),
		"refused": errors.Is(err, syscall.ECONNREFUSED), "folder": errors.Is(err, syscall.EISDIR), "nofolder": errors.Is(err, syscall.ENOTDIR),
		"host": errors.As(err, &name) && name.IsNotFound, "timeout": errors.As(err, &timeout) && timeout.Timeout(),
	} {
		if is {
			return a.say("ui.cause." + key)
		}
	}
	return otherwise
}

// table writes rows in columns, the first row being the titles.
func (a *app) table(rows [][]string) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, c := range row {
			cells[i] = clean(c)
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(strings.Join(cells, "\t"), "\t ")); err != nil {
			return err
		}
	}
	return w.Flush()
}

// clean makes a foreign text (a file's name, a cell, a PSP's words) safe for a terminal and for one line.
func clean(s string) string {
	if utf8.ValidString(s) && !strings.ContainsFunc(s, unprintable) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if unprintable(r) {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
}

// unprintable are control characters, and the marks that turn the direction of a text.
func unprintable(r rune) bool {
	return unicode.IsControl(r) || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x2028 || r == 0x2029
}

// count says how many: family (which ends with a dot) has a sentence `one` and one `many`; French counts nothing as one.
func (a *app) count(family string, n int64) string {
	if n == 1 || n == 0 && a.lang() == "fr" {
		return a.say(family+"one", "n", a.number(n))
	}
	return a.say(family+"many", "n", a.number(n))
}

// counted are the counts of a file that a sentence takes, but for those accepted.
func (a *app) counted(f *journal.File) []string {
	return []string{"held", a.count("ui.counts.held.", f.Held), "rejected", a.count("ui.counts.rejected.", f.Rejected),
		"skipped", a.count("ui.counts.skipped.", f.Skipped), "duplicate", a.count("ui.counts.duplicate.", f.DuplicateRows)}
}

// number writes a count with the language's thousands mark.
func (a *app) number(n int64) string { return grouped(strconv.FormatInt(n, 10), a.lang()) }

// money writes an amount in the user's language.
func (a *app) money(m payment.Amount) string { return money(m, a.lang()) }

// money writes an amount as people read it: 1 579,56 € or EUR 1,579.56.
func money(m payment.Amount, lang string) string {
	if m.IsZero() {
		return ""
	}
	whole, fraction, _ := strings.Cut(m.Decimal('.'), ".")
	whole = grouped(whole, lang)
	if lang != "fr" {
		if fraction != "" {
			whole += "." + fraction
		}
		return m.Currency + " " + whole
	}
	if fraction != "" {
		whole += "," + fraction
	}
	if m.Currency == "EUR" {
		return whole + "\u00a0€"
	}
	return whole + "\u00a0" + m.Currency
}

// duration is a duration of the configuration as people write it: days are "j" in French.
func duration(text, lang string) string {
	if days, ok := strings.CutSuffix(text, "d"); ok && lang == "fr" {
		return days + "\u00a0j"
	}
	return text
}

// grouped sets thousands apart: a no-break space in French, a comma in English.
func grouped(digits, lang string) string {
	mark := ","
	if lang == "fr" {
		mark = "\u00a0"
	}
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + mark + digits[i:]
	}
	return sign + digits
}

// clock shows the journal's times in the configured zone.
type clock struct{ in *time.Location }

// stamp is a time for scripts, RFC 3339 with offset; "" for none.
func (c clock) stamp(us int64) string {
	if us == 0 {
		return ""
	}
	return journal.Time(us).In(c.in).Format(time.RFC3339)
}

// read is a time for people; "-" for none.
func (c clock) read(us int64) string {
	if us == 0 {
		return "-"
	}
	return journal.Time(us).In(c.in).Format("02/01/2006 15:04:05")
}

// look opens the journal for a command that reads. The journal is nil when nothing has made one yet.
func (a *app) look(ctx context.Context) (*journal.Journal, *config.Config, error) {
	j, cfg, err := a.view(ctx)
	if err == nil || cfg == nil {
		return j, cfg, err
	}
	dir := cfg.Process.StateDir
	_, there := os.Stat(filepath.Join(dir, "journal.db"))
	if errors.Is(err, journal.ErrMissing) && errors.Is(there, fs.ErrNotExist) {
		return nil, cfg, nil
	}
	if owner, ours := serviceUser(dir); !ours && cfg.Process.DatabaseURL == "" { // a foreign journal that cannot be opened is a matter of rights
		return nil, cfg, a.fail(exitFailed, "ui.norights", "dir", dir, "user", owner, "detail", err.Error())
	}
	return nil, cfg, err
}

// closing closes a journal that may be nil behind a command.
func closing(j *journal.Journal, err *error) {
	if j != nil {
		*err = errors.Join(*err, j.Close())
	}
}

// knownFlow refuses a flow that is neither configured nor in the journal. j may be nil.
func (a *app) knownFlow(ctx context.Context, cfg *config.Config, j *journal.Journal, flow string) error {
	if flow == "" || cfg.Flows[flow] != nil {
		return nil
	}
	if j != nil { // taken out of the configuration, its files are still there
		files, err := j.RecentFiles(ctx, flow, 1)
		if err != nil || len(files) > 0 {
			return err
		}
	}
	return a.fail(exitUsage, "ui.unknown.flow", "name", clean(flow), "known", names(cfg.Flows))
}

// reread is a stamp as people read it.
func (c clock) reread(stamp string) string {
	t, err := time.Parse(time.RFC3339, stamp)
	if err != nil {
		return "-"
	}
	return c.read(t.UnixMicro())
}

// word says a fixed word in the user's language; one that the catalogue lacks as it is.
func (a *app) word(family, word string) string {
	if key := family + word; message.Has(key) {
		return a.say(key)
	}
	return clean(word)
}
