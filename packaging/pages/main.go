// Command pages turns the project's own pages into manual pages (man(7)): Markdown as docs/ writes it, or a commented YAML
// example, which is shown as it is.
//
//	go run ./packaging/pages NAME SECTION SHORT FILE > NAME.SECTION
package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: pages NAME SECTION SHORT FILE")
		os.Exit(2)
	}
	text, err := os.ReadFile(os.Args[4])
	if err == nil {
		_, err = io.WriteString(os.Stdout, page(os.Args[1], os.Args[2], os.Args[3], os.Args[4], string(text)))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "pages:", err)
		os.Exit(1)
	}
}

// page makes one manual page. It holds no date, so that two builds are alike.
func page(name, section, short, file, text string) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s %s \"\" \"navette\" \"navette\"\n.SH NAME\n%s \\- %s\n", strings.ToUpper(name), section, escape(name), escape(short))
	if strings.HasSuffix(file, ".yaml") {
		fmt.Fprintf(&b, ".SH DESCRIPTION\nThe configuration as it is installed; every key is explained where it stands.\n.PP\n.nf\n%s.fi\n", lines(text))
		return b.String()
	}
	b.WriteString(".SH DESCRIPTION\n")
	markdown(&b, text)
	return b.String()
}

// markdown writes headings, code, tables, lists and paragraphs. A table's row becomes a term and what is said of it.
func markdown(b *strings.Builder, text string) {
	code := false
	row := 0
	for line := range strings.SplitSeq(text, "\n") {
		cells := strings.HasPrefix(line, "|")
		if !cells {
			row = 0
		}
		switch {
		case strings.HasPrefix(line, "```"):
			code = !code
			b.WriteString(map[bool]string{true: ".PP\n.nf\n", false: ".fi\n"}[code])
		case code:
			b.WriteString(lines(line + "\n"))
		case strings.HasPrefix(line, "# "):
			fmt.Fprintf(b, "%s\n", inline(line[2:]))
		case strings.HasPrefix(line, "## "):
			fmt.Fprintf(b, ".SH %s\n", strings.ToUpper(escape(strings.ReplaceAll(line[3:], "`", ""))))
		case strings.HasPrefix(line, "### "):
			fmt.Fprintf(b, ".SS %s\n", escape(line[4:]))
		case cells:
			if row++; row > 2 { // titles and their rule are left out
				term, rest := tableRow(line)
				fmt.Fprintf(b, ".TP\n%s\n%s\n", inline(term), inline(rest))
			}
		case strings.HasPrefix(line, "* "), strings.HasPrefix(line, "- "):
			fmt.Fprintf(b, ".IP \\(bu 2\n%s\n", inline(line[2:]))
		case strings.TrimSpace(line) == "":
			b.WriteString(".PP\n")
		default:
			fmt.Fprintf(b, "%s\n", inline(strings.TrimSpace(line)))
		}
	}
}

// tableRow parts the first cell from the others; a | written \| is none.
func tableRow(line string) (term, rest string) {
	const bar = "\x00"
	cells := strings.Split(strings.Trim(strings.ReplaceAll(line, `\|`, bar), "| "), "|")
	for i := range cells {
		cells[i] = strings.ReplaceAll(strings.TrimSpace(cells[i]), bar, "|")
	}
	rest = strings.Join(cells[1:], " — ")
	if rest == "" {
		rest = "–"
	}
	return cells[0], rest
}

// inline writes `code` and **strong** in bold.
func inline(s string) string {
	s = strings.ReplaceAll(s, "**", "`")
	var b strings.Builder
	for i, part := range strings.Split(s, "`") {
		if i%2 == 1 {
			b.WriteString(`\fB` + escape(part) + `\fR`)
		} else {
			b.WriteString(escape(part))
		}
	}
	return guard(b.String())
}

// lines escapes whole lines that are shown as they are.
func lines(text string) string {
	var b strings.Builder
	for l := range strings.Lines(text) {
		b.WriteString(guard(escape(strings.TrimSuffix(l, "\n"))) + "\n")
	}
	return b.String()
}

// guard keeps a line from being taken for a command of roff.
func guard(l string) string {
	if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
		return `\&` + l
	}
	return l
}

func escape(s string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, "\u00a0", " ").Replace(s)
}
