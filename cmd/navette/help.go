package main

import (
	"fmt"
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
	c.SetHelpFunc(func(c *cobra.Command, _ []string) { _ = show(c) })
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

// translateFlags puts the catalogue's texts into flags: that of the command first, then that of every flag of the name.
func (a *app) translateFlags(command string, flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		for _, key := range []string{"ui.flag." + f.Name, command + ".flag." + f.Name} {
			if text := a.say(key); message.Has(key) && !strings.Contains(text, "‹") { // else the command has filled it in
				f.Usage = text
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
		b.WriteString("  " + c.UseLine() + "\n")
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
		b.WriteString("\n" + a.say("ui.help.flags") + "\n" + c.LocalFlags().FlagUsages())
	}
	if c.HasAvailableInheritedFlags() {
		b.WriteString("\n" + a.say("ui.help.global") + "\n" + c.InheritedFlags().FlagUsages())
	}
	if c.HasAvailableSubCommands() {
		b.WriteString("\n" + a.say("ui.help.more", "command", c.CommandPath()) + "\n")
	}
	return b.String()
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
