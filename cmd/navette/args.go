package main

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// arguments checks how many arguments there are, in the user's language.
func (a *app) arguments(least, most int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return errors.New(a.say("ui.arguments.few"))
		case len(args) > most && most == 0:
			return errors.New(a.say("ui.arguments.none", "got", clean(args[0])))
		case len(args) > most:
			return errors.New(a.say("ui.arguments.many", "most", strconv.Itoa(most), "got", strconv.Itoa(len(args))))
		}
		return nil
	}
}

// names lists what is known, for a message; "-" for nothing.
func names[V any](m map[string]V) string {
	if len(m) == 0 {
		return "-"
	}
	return strings.Join(slices.Sorted(maps.Keys(m)), ", ")
}
