package sftpbox

import "time"

// Profile is what is known of a server; its zero value assumes nothing.
type Profile struct {
	At    time.Time `json:"at"`
	Claim Claim     `json:"claim,omitempty"`
}
