package message

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
)

// The YAML files are what people write; reading them takes longer than most commands do, so texts.json holds the same ready
// to use, with the digest of what it was made of: made of other files it is not used.

//go:generate go test -run TestReady -update .
//go:embed texts.json
var ready []byte

// readied is the form of texts.json: the files' top keys, as read makes a catalogue of them.
type readied struct {
	Digest string             `json:"digest"` // sha256 of the YAML files, by name
	Files  []map[string]entry `json:"files"`
}

// prepared gives the catalogue of texts.json; nil when it is not that of fsys.
func prepared(fsys fs.FS, b []byte) *catalogue {
	var r readied
	if json.Unmarshal(b, &r) != nil {
		return nil
	}
	if digest, err := digestOf(fsys); err != nil || digest != r.Digest {
		return nil
	}
	c := &catalogue{map[string]*entry{}, map[string]pair{}}
	for _, file := range r.Files {
		for key := range file {
			if c.add(key, file[key]) != nil {
				return nil
			}
		}
	}
	return c
}

// digestOf is the digest of the YAML files.
func digestOf(fsys fs.FS) (string, error) {
	names, err := fs.Glob(fsys, "texts/*.yaml")
	if err != nil {
		return "", err
	}
	slices.Sort(names)
	h := sha256.New()
	for _, name := range names {
		b, err := fs.ReadFile(fsys, name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %d\n", name, len(b))
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
