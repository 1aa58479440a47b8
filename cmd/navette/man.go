package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// manCommand writes the manual page navette(1), made of the same texts as --help.
func (a *app) manCommand() *cobra.Command {
	return a.localise(command("man [DIR]", "", a.arguments(0, 1), func(c *cobra.Command, args []string) error {
		page := a.manPage(c.Root())
		if len(args) == 0 {
			a.printf("%s", page)
			return nil
		}
		if err := os.MkdirAll(args[0], 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(args[0], "navette.1"), []byte(page), 0o644)
	}))
}

// manPage is the manual of the whole command line in roff (man(7)). It holds no date, so that two builds are alike.
func (a *app) manPage(root *cobra.Command) string {
	a.translate(root)
	var b strings.Builder
	section := func(title string) { fmt.Fprintf(&b, ".SH %s\n", roff(strings.ToUpper(title))) }
	fmt.Fprintf(&b, ".TH NAVETTE 1 \"\" \"navette %s\" \"navette\"\n", roff(version))
	section(a.say("ui.man.name"))
	fmt.Fprintf(&b, "navette \\- %s\n", roff(root.Short))
	section(a.say("ui.man.synopsis"))
	fmt.Fprintf(&b, "\\fBnavette\\fR %s\n", roff(a.say("ui.help.command")))
	section("description")
	writeParagraphs(&b, a.say("ui.long"))
	section(a.say("ui.man.commands"))
	for _, c := range root.Commands() {
		a.manOf(&b, c)
	}
	section(a.say("ui.man.flags"))
	a.writeFlags(&b, root.PersistentFlags())
	section(a.say("ui.man.files"))
	for _, f := range []string{"/etc/navette/navette.yaml", "/etc/navette/flows.d/", "/etc/navette/mappings/", "/var/lib/navette/", "/srv/navette/"} {
		fmt.Fprintf(&b, ".TP\n\\fI%s\\fR\n%s\n", roff(f), roff(a.say("ui.man.file."+strings.Trim(filepath.Base(f), "."))))
	}
	section(a.say("ui.man.see"))
	b.WriteString("\\fBnavette.yaml\\fR(5), \\fBmapping\\fR(5), \\fBsystemctl\\fR(1), \\fBjournalctl\\fR(1)\n")
	return b.String()
}

// manOf writes one command and those below it.
func (a *app) manOf(b *strings.Builder, c *cobra.Command) {
	if c.Hidden || c.Name() == "help" {
		return
	}
	a.translate(c)
	if c.Name() == "completion" { // the scripts explain themselves
		fmt.Fprintf(b, ".SS navette completion bash|zsh|fish\n%s\n", roff(c.Short))
		return
	}
	if c.Runnable() && !c.HasSubCommands() {
		fmt.Fprintf(b, ".SS %s\n", roff(strings.TrimSuffix(a.useLine(c), " "+a.say("ui.help.options"))))
		text := c.Long
		if text == "" {
			text = c.Short
		}
		writeParagraphs(b, strings.ReplaceAll(text, "\n\n", paragraph))
		a.writeFlags(b, c.LocalNonPersistentFlags())
		if c.Example != "" {
			fmt.Fprintf(b, ".PP\n.nf\n%s\n.fi\n", roff(c.Example))
		}
	}
	for _, sub := range c.Commands() {
		a.manOf(b, sub)
	}
}

func writeParagraphs(b *strings.Builder, text string) {
	for p := range strings.SplitSeq(text, paragraph) {
		fmt.Fprintf(b, ".PP\n%s\n", roff(strings.Join(strings.Fields(p), " ")))
	}
}

func (a *app) writeFlags(b *strings.Builder, flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		fmt.Fprintf(b, ".TP\n\\fB\\-\\-%s\\fR \\fI%s\\fR\n%s\n", roff(f.Name), roff(a.kindOf(f)), roff(f.Usage))
	})
}

// roff escapes a text for man(7): no character of it is taken for a command.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, "\u00a0", " ", "\u202f", " ").Replace(s)
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}
