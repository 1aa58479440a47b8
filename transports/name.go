package transports

import (
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// TempPrefix begins the names under which a Publish of ours writes before it renames. Nothing else may use it: Sweep
// deletes what bears it.
const TempPrefix = ".navette-tmp-"

// MaxName is the number of bytes that the usual file systems and servers allow in a name.
const MaxName = 255

// Ignored tells whether a name is never a dropped file: hidden files, the owner and lock files of office programs,
// uploads still under their temporary name, what desktops leave behind, and names that are no base name at all.
// Case does not matter, as half of these names come from Windows.
func Ignored(name string) bool {
	if name == "" || name[0] == '.' || strings.HasPrefix(name, "~$") || strings.ContainsAny(name, "/\x00") {
		return true
	}
	if strings.EqualFold(name, "thumbs.db") || strings.EqualFold(name, "desktop.ini") {
		return true
	}
	switch fold(path.Ext(name)) {
	case ".tmp", ".part", ".partial", ".filepart", ".crdownload", ".writing", ".swp", ".camellock":
		return true
	}
	return false
}

// Match tells whether a name matches one of the patterns (`*`, `?`, `[a-z]`, as path.Match reads them); no pattern at
// all matches everything. Accents match whether composed or not: a Mac writes them apart. A malformed pattern matches
// nothing: CheckPattern finds it beforehand.
func Match(patterns []string, name string, matchCase bool) bool {
	if len(patterns) == 0 {
		return true
	}
	name = matchForm(name, matchCase)
	for _, p := range patterns {
		if ok, err := path.Match(matchForm(p, matchCase), name); err == nil && ok {
			return true
		}
	}
	return false
}

// CheckPattern says what is wrong with a pattern of Match; nil when it is fine.
func CheckPattern(pattern string) error {
	if _, err := path.Match(pattern, ""); err != nil {
		return fmt.Errorf("pattern %q: %w", pattern, err)
	}
	if pattern == "" || strings.ContainsAny(pattern, "/\x00") {
		return fmt.Errorf("pattern %q: matches no file name: %w", pattern, path.ErrBadPattern)
	}
	return nil
}

// SafeName joins prefix and name and cuts the name until the whole has at most max bytes (MaxName when max is not
// positive). The extension survives, and no UTF-8 character is split; bytes that are not UTF-8 stay as they are. The
// result is always a base name: separators and NULs become `_`, and so does what would be empty, "." or "..".
func SafeName(prefix, name string, max int) string {
	if max <= 0 {
		max = MaxName
	}
	prefix, name = baseBytes.Replace(prefix), baseBytes.Replace(name)
	if len(prefix)+len(name) > max {
		prefix = cut(prefix, max)
		ext := path.Ext(name)
		if room := max - len(prefix); len(ext) > maxExt || room-len(ext) < utf8.UTFMax {
			name = cut(name, room) // a long tail behind a dot is no extension; and before one a letter must be left
		} else {
			name = cut(name[:len(name)-len(ext)], room-len(ext)) + ext
		}
	}
	switch whole := prefix + name; whole {
	case "", ".", "..":
		return cut("_"+whole, max)
	default:
		return whole
	}
}

// maxExt is the bytes up to which what is behind the last dot is taken for an extension.
const maxExt = 32

// baseBytes replaces what can stand in no name. A Replacer is immutable.
var baseBytes = strings.NewReplacer("/", "_", "\x00", "_")

// cut gives the first n bytes of s, fewer where a character would be split.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for i := n; i > 0 && i > n-utf8.UTFMax; i-- {
		if utf8.RuneStart(s[i]) {
			return s[:i]
		}
	}
	if n < utf8.UTFMax && utf8.ValidString(s) {
		return ""
	}
	return s[:n]
}

// matchForm is the form in which names and patterns are compared.
func matchForm(s string, matchCase bool) string {
	if !isASCII(s) {
		s = norm.NFC.String(s)
	}
	if !matchCase {
		s = fold(s)
	}
	return s
}

// fold lowers letters and keeps bytes that are not UTF-8, which strings.ToLower would replace.
func fold(s string) string {
	if isASCII(s) || utf8.ValidString(s) {
		return strings.ToLower(s)
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			b.WriteByte(s[i])
		} else {
			b.WriteRune(unicode.ToLower(r))
		}
		i += size
	}
	return b.String()
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
