package main

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
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

// subcommand refuses words that are no command of a command that only has others.
func (a *app) subcommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	known := map[string]bool{}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			known[sub.Name()] = true
		}
	}
	return usage(errors.New(a.say("ui.unknown.command", "name", clean(args[0]), "known", names(known))))
}

// flagError says what is wrong with a flag, in the user's language.
func (a *app) flagError(_ *cobra.Command, err error) error {
	if a.flags.Lang == "" { // it may stand behind the flag that is wrong
		a.flags.Lang = langOf(a.args)
	}
	var unknown *pflag.NotExistError
	var empty *pflag.ValueRequiredError
	var wrong *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		err = errors.New(a.say("ui.flagerror.unknown", "flag", "-"+clean(unknown.GetSpecifiedName())))
	case errors.As(err, &unknown):
		err = errors.New(a.say("ui.flagerror.unknown", "flag", "--"+clean(unknown.GetSpecifiedName())))
	case errors.As(err, &empty):
		err = errors.New(a.say("ui.flagerror.empty", "flag", "--"+empty.GetFlag().Name))
	case errors.As(err, &wrong):
		err = errors.New(a.say("ui.flagerror.value", "flag", "--"+wrong.GetFlag().Name, "value", clean(wrong.GetValue())))
	}
	return usage(err)
}

// langOf is the language that a command line asks for, "" for none.
func langOf(args []string) (lang string) {
	for i, arg := range args {
		if value, ok := strings.CutPrefix(arg, "--lang="); ok {
			lang = value
		} else if arg == "--lang" && i+1 < len(args) {
			lang = args[i+1]
		}
	}
	return lang
}

// names lists what is known, for a message; "-" for nothing.
func names[V any](m map[string]V) string {
	if len(m) == 0 {
		return "-"
	}
	return strings.Join(slices.Sorted(maps.Keys(m)), ", ")
}
