//go:build unix && !linux

package transportstest

import "errors"

func makeDevice(string) error { return errors.ErrUnsupported }
