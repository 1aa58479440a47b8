//go:build unix && !linux

package local_test

import "testing"

func deprived(*testing.T) func(f func()) { return nil }

func mountSmall(*testing.T, string) bool { return false }
