package transports

import (
	"errors"
	"fmt"
	"strings"
)

// SplitPath gives the folder and the name of a path, and refuses (ErrRefused) what cannot be a file's path.
func SplitPath(path string) (dir, name string, err error) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 || path[0] != '/' {
		return "", "", fmt.Errorf("%w: not an absolute path", ErrRefused)
	}
	if strings.IndexByte(path, 0) >= 0 {
		return "", "", fmt.Errorf("%w: no base name, or one with a NUL", ErrRefused)
	}
	dir, name = path[:max(i, 1)], path[i+1:]
	return dir, name, CheckName(name)
}

// JoinPath makes the path of a name in dir. What is no base name gives a path that SplitPath refuses.
func JoinPath(dir, name string) string {
	if CheckName(name) != nil {
		name = "\x00" + name
	}
	return strings.TrimRight(dir, "/") + "/" + name
}

// CheckName refuses (ErrRefused) what no file can be called.
func CheckName(name string) error {
	switch {
	case name == "" || name == "." || name == "..":
		return fmt.Errorf("%w: no file can be called so", ErrRefused)
	case strings.ContainsAny(name, "/\x00"):
		return fmt.Errorf("%w: a name cannot hold a slash or a NUL", ErrRefused)
	case len(name) > MaxName:
		return fmt.Errorf("%w: the name has %d bytes, %d at most", ErrRefused, len(name), MaxName)
	}
	return nil
}

// HasKind tells whether an error wraps one of the kinds.
func HasKind(err error) bool {
	for _, k := range []error{ErrGone, ErrExists, ErrFolder, ErrRefused, ErrRetry} {
		if errors.Is(err, k) {
			return true
		}
	}
	return false
}
