package config

import (
	"os"
	"slices"
	"strings"

	"github.com/kelseyhightower/envconfig"

	"github.com/navette-connect/navette/connector/message"
)

// prefix of the variables that are ours; any other variable of that prefix is refused.
const prefix = "NAVETTE"

// toScripts is by custom how scripts are told which binary to start. It reaches the binary with the rest of their
// environment, and says nothing to it.
const toScripts = prefix + "_BIN"

// Environment is what the process's environment says. The zero Environment says nothing: the demo and tests use it.
type Environment struct {
	Process            // as set; "" where a variable is unset or empty
	Locale      string // the first of LC_ALL, LC_MESSAGES and LANG that is set
	Credentials string // directory of systemd's credentials, "" without

	problems problems
}

// ReadEnvironment reads the environment of the process, the only place that does. What is wrong with it Load tells,
// beside everything else.
func ReadEnvironment() Environment {
	var e Environment
	if err := envconfig.Process(prefix, &e.Process); err != nil {
		e.problems.fail(Position{}, prefix, "NV-4001", message.New("NV-4001.syntax", "detail", err.Error()))
	}
	known := []string{toScripts}
	for _, s := range e.Process.settings() {
		known = append(known, s.env)
	}
	environ := os.Environ()
	slices.Sort(environ)
	for _, v := range environ {
		name, _, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, prefix+"_") || slices.Contains(known, name) {
			continue
		}
		text := message.New("NV-4002.variable", "key", name)
		if near := nearestVariable(name, known); near != "" {
			text = message.New("NV-4002.variable_nearest", "key", name, "nearest", near)
		}
		e.problems.fail(Position{}, name, "NV-4002", text)
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if e.Locale == "" {
			e.Locale = os.Getenv(name)
		}
	}
	e.Credentials = os.Getenv("CREDENTIALS_DIRECTORY")
	return e
}

// nearestVariable compares what stands behind the prefix.
func nearestVariable(name string, known []string) string {
	words := make([]string, len(known))
	for i, k := range known {
		words[i] = strings.ToLower(strings.TrimPrefix(k, prefix+"_"))
	}
	near := nearest(strings.TrimPrefix(name, prefix+"_"), words)
	if near == "" {
		return ""
	}
	return prefix + "_" + strings.ToUpper(near)
}

// Language chooses "fr" or "en" before (or without) a configuration: flag, else NAVETTE_LANG, else the locale.
// A word that is neither language counts as not given.
func (e Environment) Language(flag string) string {
	for _, l := range []string{flag, e.Lang} {
		if l == "fr" || l == "en" {
			return l
		}
	}
	if strings.HasPrefix(strings.ToLower(e.Locale), "fr") {
		return "fr"
	}
	return "en"
}
