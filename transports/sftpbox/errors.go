package sftpbox

import (
	"errors"
	"fmt"
	"os"

	"github.com/pkg/sftp"

	"github.com/navette-connect/navette/transports"
)

// coded is an error that the catalogue explains under a code.
type coded struct {
	code string
	err  error
}

func (c *coded) Error() string  { return c.err.Error() }
func (c *coded) Unwrap() error  { return c.err }
func (c *coded) NVCode() string { return c.code }

// The codes of the catalogue that a server's trouble has.
const (
	codeAway      = "NV-3009"
	codeHostKey   = "NV-3010"
	codeLogin     = "NV-3011"
	codeAlgorithm = "NV-3012"
)

// wrap says which act failed on which path; nil stays nil.
func wrap(act, path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %q: %w", act, path, err)
}

// errLost marks what ended with its connection: whether it was done is not known.
var errLost = errors.New("the connection was lost")

// before gives a kind to an error that came before anything was done, or of an act that changes nothing.
func before(err error) error {
	if err == nil || transports.HasKind(err) {
		return err
	}
	return fmt.Errorf("%w: %w", transports.ErrRetry, err)
}

// answered tells whether an error is the server's answer to a request; anything else ends the connection.
func answered(err error) bool {
	var status *sftp.StatusError
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) || errors.As(err, &status) || errors.Is(err, os.ErrClosed)
}

// Status codes of SFTP versions 3 to 6 (draft-ietf-secsh-filexfer-02 §7 and -13 §9.1); servers send the later ones to
// clients of version 3, too.
const (
	statusBadMessage   = 5 // OpenSSH: EINVAL, ENAMETOOLONG
	statusUnsupported  = 8
	statusNoSuchPath   = 10
	statusExists       = 11
	statusWriteProtect = 12
	statusNoSpace      = 14
	statusQuota        = 15
	statusLocked       = 17
	statusNotDir       = 19
	statusBadName      = 20
	statusCannotDelete = 22
	statusIsDir        = 24
)

// answer gives its kind to a server's answer. SSH_FX_FAILURE says nothing and has none.
func answer(err error) error {
	var status *sftp.StatusError
	var kind error
	switch {
	case err == nil || transports.HasKind(err):
		return err
	case errors.Is(err, os.ErrPermission):
		kind = transports.ErrRefused
	case errors.As(err, &status):
		switch status.Code {
		case statusBadMessage, statusUnsupported, statusWriteProtect, statusBadName, statusCannotDelete, statusIsDir:
			kind = transports.ErrRefused
		case statusNoSuchPath:
			kind = os.ErrNotExist
			return fmt.Errorf("%w: %w", kind, err)
		case statusNotDir:
			kind = transports.ErrFolder
		case statusExists:
			kind = transports.ErrExists
		case statusNoSpace, statusQuota, statusLocked:
			kind = transports.ErrRetry
		}
	}
	if kind == nil {
		return err
	}
	return fmt.Errorf("%w: %w", kind, err)
}

// unsure takes the kind from an error that came when the act may have been done.
func unsure(what string, err error) error { return fmt.Errorf("%s: %v", what, err) }
