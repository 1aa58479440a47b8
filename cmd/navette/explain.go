package main

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/navette-connect/navette/connector/message"
)

func (a *app) explainCommand() *cobra.Command {
	c := command("explain [CODE]", "", a.arguments(0, 1), func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return a.listCodes()
		}
		return a.explain(args[0])
	})
	return a.localise(c)
}

// listCodes prints every code with its title.
func (a *app) listCodes() error {
	var rows [][]string
	for _, code := range message.Codes() {
		rows = append(rows, []string{code, message.Title(code, a.lang())})
	}
	if err := a.table(rows); err != nil {
		return err
	}
	a.printf("\n%s\n", a.say("ui.explain.next"))
	return nil
}

// explain prints what a code means and how to mend it, and the sentences that are said under it.
func (a *app) explain(code string) error {
	e, ok := message.Lookup(code)
	if !ok {
		near := nearestCode(code)
		return a.fail(exitUsage, "ui.explain.unknown", "code", clean(code), "nearest", near, "title", message.Title(near, a.lang()))
	}
	a.printf("%s  %s\n\n", e.Code, e.Title.In(a.lang()))
	for _, line := range wrapped(e.Explain.In(a.lang()), helpWidth-2) {
		a.printf("  %s\n", line)
	}
	if len(e.Keys) > 0 {
		a.printf("\n%s\n", a.say("ui.explain.sentences"))
	}
	for _, key := range e.Keys {
		for i, line := range wrapped(message.New(key).In(a.lang()), helpWidth-4) {
			mark := "- "
			if i > 0 {
				mark = "  "
			}
			a.printf("  %s%s\n", mark, line)
		}
	}
	return nil
}

// nearestCode finds the code that was probably meant: digits in common first, then the nearest number.
func nearestCode(typed string) string {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, typed)
	n, _ := strconv.Atoi(digits) // 0 where there is no number: the first code
	best, least := "", 1<<62
	for _, code := range message.Codes() {
		number := strings.TrimPrefix(code, "NV-")
		value, _ := strconv.Atoi(number)
		far := value - n
		if far < 0 {
			far = -far
		}
		d := differing(digits, number)*10000 + min(far, 9999)
		if d < least {
			best, least = code, d
		}
	}
	return best
}

// differing counts the places in which two numbers differ.
func differing(a, b string) int {
	n := max(len(a), len(b)) - min(len(a), len(b))
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}
