package connector

import (
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/transports"
)

// claimName is unique among all navettes: it names the journal and the file's number in it.
func (n *intake) claimName(id int64, name string) string {
	return transports.SafeName(fmt.Sprintf(".navette-%.8s-%d-", n.j.ID, id), name, 255)
}

// archiveName is what a taken file is called in `done` and `rejected`.
func (n *intake) archiveName(f *journal.File, name string) string {
	stamp := journal.Time(f.ReceivedAt).In(n.location).Format("20060102T150405")
	digest := f.SHA256
	if digest == "" {
		digest = fmt.Sprintf("n%07d", f.ID) // unread
	}
	return transports.SafeName(stamp+"-"+digest[:8]+"-", name, 255)
}

// label is the name a file answers under: our own prefix falls off when a file of `rejected` is dropped again.
func label(name string) string {
	const prefix = len("20060102T150405-0123abcd-")
	if len(name) > prefix && name[8] == 'T' && name[15] == '-' && name[24] == '-' && isDigits(name[:8]) && isDigits(name[9:15]) && isHex(name[16:24]) {
		return name[prefix:]
	}
	return name
}

func isDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }
func isHex(s string) bool    { return strings.Trim(s, "0123456789abcdef") == "" }

// stem is the name a file's returns are made of: without its extension.
func stem(name string) string {
	name = label(name)
	if ext := path.Ext(name); ext != "" && ext != name {
		return strings.TrimSuffix(name, ext)
	}
	return name
}

// numbered gives the i-th name for a name that may be taken: X.csv, X.2.csv, X.3.csv. A name too long for a folder loses its
// middle: what tells returns apart stands at the end.
func numbered(name string, i int) string {
	if i > 1 {
		ext := path.Ext(name)
		if len(ext) > 32 { // no extension, but the end of a sentence
			ext = ""
		}
		name = fmt.Sprintf("%s.%d%s", strings.TrimSuffix(name, ext), i, ext)
	}
	const most, tail = transports.MaxName - 16, 48 // 16: a marker's ending still fits
	if len(name) <= most {
		return name
	}
	end := len(name) - tail
	for end < len(name)-tail/2 && !utf8.RuneStart(name[end]) {
		end++
	}
	return transports.SafeName(name[:end], "", most-tail) + name[end:]
}
