package config

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/navette-connect/navette/connector/message"
)

// ErrInvalid is the kind of every error of Load: the configuration is wrong (exit 3).
var ErrInvalid = errors.New("configuration wrong")

// Position is a place in a configuration file. The zero Position is nowhere: a default, the environment, a flag.
type Position struct {
	File         string
	Line, Column int // from 1; column in characters
}

func (p Position) String() string {
	switch {
	case p.File == "":
		return ""
	case p.Line == 0:
		return p.File
	}
	return p.File + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column)
}

// Problem is one thing wrong with (or worth saying of) the configuration.
type Problem struct {
	File         string // "" for the environment and the command line
	Line, Column int    // from 1; 0 for a file as a whole
	Key          string // "flows.factures.quiet", "NAVETTE_LISTEN"
	Code         string // NV-40xx
	Text         message.Text
}

// In gives the problem as one line, its place first: "…/navette.yaml:12:5: NV-4002 unknown key …".
func (p Problem) In(lang string) string {
	at := Position{p.File, p.Line, p.Column}.String()
	if at != "" {
		at += ": "
	}
	return at + p.Code + " " + p.Text.In(lang)
}

func (p Problem) String() string { return p.In("en") }

// Errors is everything wrong with the configuration, by file and line. It is an ErrInvalid.
type Errors []Problem

func (e Errors) Error() string { return e.In("en") }

// In gives every problem in a language, one a line.
func (e Errors) In(lang string) string {
	lines := make([]string, len(e))
	for i, p := range e {
		lines[i] = p.In(lang)
	}
	return strings.Join(lines, "\n")
}

// Is makes every Errors an ErrInvalid.
func (e Errors) Is(target error) bool { return target == ErrInvalid }

// sorted puts problems in the order of the files, those without a place last.
func sorted(list []Problem) []Problem {
	slices.SortStableFunc(list, func(a, b Problem) int {
		if (a.File == "") != (b.File == "") {
			if a.File == "" {
				return 1
			}
			return -1
		}
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return list
}

// problems collects what is wrong, so that everything is told at once.
type problems struct {
	errors, warnings []Problem
}

func (p *problems) fail(at Position, key, code string, text message.Text) {
	p.errors = append(p.errors, Problem{at.File, at.Line, at.Column, key, code, text})
}

func (p *problems) warn(at Position, key, code string, text message.Text) {
	p.warnings = append(p.warnings, Problem{at.File, at.Line, at.Column, key, code, text})
}

// code gives the code of a key of the catalogue: NV-4002 of "NV-4002.nearest".
func code(key string) string { c, _, _ := strings.Cut(key, "."); return c }
