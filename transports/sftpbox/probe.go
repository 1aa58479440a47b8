package sftpbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Profile is what is known of a server; its zero value assumes nothing.
type Profile struct {
	At    time.Time `json:"at"`
	Claim Claim     `json:"claim,omitempty"`
}

// LoadProfile reads a profile; the zero Profile where there is no file.
func LoadProfile(file string) (Profile, error) {
	var p Profile
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err != nil {
		return Profile{}, fmt.Errorf("server profile %s: %w (it may be deleted: `navette doctor` makes it anew)", file, err)
	}
	return p, nil
}
