//go:build unix

package local

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/navette-connect/navette/transports"
)

// wrap says which act failed on which path; nil stays nil.
func wrap(act, path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %q: %w", act, path, err)
}

// acted gives its kind to the error of an act that changes names. What has no known kind stays without: the act may
// have happened.
func acted(err error) error {
	if err == nil || transports.HasKind(err) {
		return err
	}
	if k := kind(err); k != nil {
		return fmt.Errorf("%w: %w", k, err)
	}
	return err
}

// before gives its kind to an error that came before anything was done, or of an act that changes nothing: what is not
// known to last is worth another try.
func before(err error) error {
	if err = acted(err); err == nil || transports.HasKind(err) {
		return err
	}
	return fmt.Errorf("%w: %w", transports.ErrRetry, err)
}

// folderError is before for the opening of a folder: what is not there is no folder.
func folderError(err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return fmt.Errorf("%w: %w", transports.ErrFolder, err)
	}
	return before(err)
}

// unsure takes the kind from an error that came after the act was done, at least in part.
func unsure(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %v", what, err)
}

// refusable forgives the refusal of rights and owners: not every file system has them, not every user may set them.
func refusable(err error) error {
	for _, e := range []error{unix.EPERM, unix.EACCES, unix.ENOTSUP, unix.ENOSYS, unix.EINVAL} {
		if errors.Is(err, e) {
			return nil
		}
	}
	return err
}

// kind gives the kind of an error of the file system, nil when it has none.
func kind(err error) error {
	var errno unix.Errno
	if !errors.As(err, &errno) {
		return nil
	}
	switch errno {
	case unix.ENOENT:
		return transports.ErrGone
	case unix.EEXIST:
		return transports.ErrExists
	case unix.ENOTDIR:
		return transports.ErrFolder
	case unix.EACCES, unix.EPERM, unix.ELOOP, unix.EISDIR, unix.ENXIO, unix.ENAMETOOLONG, unix.EILSEQ, unix.EINVAL,
		unix.ENOTSUP, unix.EFBIG:
		return transports.ErrRefused
	case unix.ENOSPC, unix.EDQUOT, unix.EROFS, unix.EBUSY, unix.ETXTBSY, unix.EAGAIN, unix.EMFILE, unix.ENFILE,
		unix.ENOMEM:
		return transports.ErrRetry
	}
	return nil
}
