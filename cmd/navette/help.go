package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/navette-connect/navette/connector/message"
)

// helpWidth is how many columns a help text or an explanation takes.
const helpWidth = 80

// paragraph separates paragraphs and examples in a sentence of the catalogue, whose sentences are single lines.
const paragraph = " ¶ "

// localise gives a command (and those below it) its help in the user's language: `ui.NAME.short`, `.long` and
// `.example`, and `ui.flag.FLAG` for its flags. It is asked again when help is shown, since --lang is read after the
// commands were made.
func (a *app) localise(c *cobra.Command) *cobra.Command {
	a.translate(c)
	show := func(c *cobra.Command) error {
		_, err := fmt.Fprint(c.OutOrStdout(), a.helpText(c))
		return err
	}
	c.SetHelpFunc(func(c *cobra.Command, _ []string) {
		if rest := c.Flags().Args(); c.HasSubCommands() && len(rest) > 0 { // `navette nope --help`; cobra lets help tell no error
			a.misused = a.subcommand(c, rest)
			return
		}
		_ = show(c)
	})
	c.SetUsageFunc(show)
	for _, sub := range c.Commands() {
		a.localise(sub)
	}
	return c
}

// translate puts the catalogue's texts into a command.
func (a *app) translate(c *cobra.Command) {
	key := helpKey(c)
	if key == "ui" {
		c.Short = a.say("ui.short")
	}
	for _, k := range []string{key, key + ".short"} { // "ui.run" where there is nothing but a short text
		if message.Has(k) {
			c.Short = a.say(k)
		}
	}
	if message.Has(key + ".long") {
		c.Long = strings.Join(wrapped(a.say(key+".long"), helpWidth), "\n")
	}
	if message.Has(key + ".example") {
		c.Example = "  " + strings.ReplaceAll(a.say(key+".example"), paragraph, "\n  ")
	}
	a.translateFlags(key, c.LocalFlags())
	a.translateFlags(key, c.InheritedFlags())
}

// knownValues is the annotation of a flag that lists what it may be.
const knownValues = "known"

// translateFlags puts the catalogue's texts into flags: that of the command first, then that of every flag of the name.
func (a *app) translateFlags(command string, flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		for _, key := range []string{"ui.flag." + f.Name, command + ".flag." + f.Name} {
			if text := a.say(key, "known", strings.Join(f.Annotations[knownValues], ", ")); message.Has(key) && !strings.Contains(text, "‹") { // else the command has filled it in
				f.Usage = strings.ReplaceAll(text, "`", "") // which pflag takes for the name of a value
			}
		}
	})
}

// helpKey is the catalogue's key of a command: "ui.config.show", "ui" for the program.
func helpKey(c *cobra.Command) string {
	path := strings.Fields(c.CommandPath())
	if path[0] == c.Root().Name() && c.Root().Name() == "navette" {
		path = path[1:]
	}
	return strings.Join(append([]string{"ui"}, path...), ".")
}

// helpText is what `navette help COMMAND` prints.
func (a *app) helpText(c *cobra.Command) string {
	a.translate(c)
	var b strings.Builder
	text := c.Long
	if text == "" {
		text = c.Short
	}
	b.WriteString(text + "\n\n" + a.say("ui.help.usage") + "\n")
	if c.Runnable() && c.HasParent() {
		b.WriteString("  " + a.useLine(c) + "\n")
	}
	if c.HasAvailableSubCommands() {
		b.WriteString("  " + c.CommandPath() + " " + a.say("ui.help.command") + "\n\n" + a.say("ui.help.commands") + "\n")
		w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() || sub.Name() == "help" {
				a.translate(sub)
				fmt.Fprintf(w, "  %s\t%s\n", sub.Name(), sub.Short)
			}
		}
		_ = w.Flush() // into memory
	}
	if c.Example != "" {
		b.WriteString("\n" + a.say("ui.help.examples") + "\n" + c.Example + "\n")
	}
	if c.HasAvailableLocalFlags() {
		b.WriteString("\n" + a.say("ui.help.flags") + "\n" + a.flagUsages(c.LocalFlags()))
	}
	if c.HasAvailableInheritedFlags() {
		b.WriteString("\n" + a.say("ui.help.global") + "\n" + a.flagUsages(c.InheritedFlags()))
	}
	if c.HasAvailableSubCommands() {
		b.WriteString("\n" + a.say("ui.help.more", "command", c.CommandPath()) + "\n")
	}
	return b.String()
}

// upperWord is what stands for a value in a line of usage.
var upperWord = regexp.MustCompile(`[A-Z]{2,}`)

// useLine is the command with its arguments, in the user's words.
func (a *app) useLine(c *cobra.Command) string {
	line, flags := strings.CutSuffix(c.UseLine(), " [flags]")
	line = upperWord.ReplaceAllStringFunc(line, func(w string) string {
		if key := "ui.help.word." + strings.ToLower(w); message.Has(key) {
			return a.say(key)
		}
		return w
	})
	if flags {
		line += " " + a.say("ui.help.options")
	}
	return line
}

// flagUsages lists flags as pflag does, in the user's words.
func (a *app) flagUsages(flags *pflag.FlagSet) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		name := "      --" + f.Name
		if f.Shorthand != "" {
			name = "  -" + f.Shorthand + ", --" + f.Name
		}
		said := f.Usage
		if !slices.Contains([]string{"", "0", "0s", "false", "[]"}, f.DefValue) {
			said += " " + a.say("ui.help.default", "value", f.DefValue)
		}
		fmt.Fprintf(w, "%s\t%s\n", strings.TrimRight(name+" "+a.kindOf(f), " "), said)
	})
	_ = w.Flush() // into memory
	return b.String()
}

// kindOf names the value that a flag takes, "" for none.
func (a *app) kindOf(f *pflag.Flag) string {
	switch kind := f.Value.Type(); {
	case kind == "bool":
		return ""
	case strings.HasPrefix(kind, "int"), strings.HasPrefix(kind, "uint"), strings.HasPrefix(kind, "float"):
		return a.say("ui.help.kind.number")
	}
	return a.say("ui.help.kind.text")
}

// ownDefaults takes the commands that cobra makes by itself as ours: they refuse what they do not know.
func (a *app) ownDefaults(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "completion":
			c.Args, c.RunE = a.subcommand, func(c *cobra.Command, _ []string) error { return c.Help() }
		case "help":
			c.Use, c.Run = "help [COMMAND]", nil
			c.RunE = func(c *cobra.Command, args []string) error {
				about, rest, err := c.Root().Find(args)
				if err == nil && about.HasSubCommands() {
					err = a.subcommand(about, rest)
				}
				if err != nil {
					return err
				}
				about.InitDefaultHelpFlag()
				return about.Help()
			}
		}
	}
}

// wrapped breaks a text into lines of at most width characters; paragraphs are set apart by an empty line.
func wrapped(text string, width int) (lines []string) {
	for i, p := range strings.Split(text, paragraph) {
		if i > 0 {
			lines = append(lines, "")
		}
		line, length := "", 0
		for word := range strings.FieldsFuncSeq(p, func(r rune) bool { return r == ' ' || r == '\n' }) {
			n := utf8.RuneCountInString(word)
			if length > 0 && length+1+n > width {
				lines = append(lines, line)
				line, length = "", 0
			}
			if length > 0 {
				line += " "
				length++
			}
			line += word
			length += n
		}
		lines = append(lines, line)
	}
	return lines
}
