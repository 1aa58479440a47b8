package config

import (
	"slices"
	"strconv"
	"strings"
)

// rawYAML marks a value that is YAML already (a list).
const rawYAML = "\x00"

// Show writes the configuration in force as YAML, defaults included; with origin each line says where its value comes
// from. Secrets appear as the file or credential they come from, never as values.
func (c *Config) Show(origin bool) string {
	list := slices.Clone(c.shown)
	slices.SortStableFunc(list, func(a, b shown) int { return strings.Compare(group(a.key), group(b.key)) })
	var out strings.Builder
	if origin {
		out.WriteString("# configuration directory " + c.Process.ConfigDir + ", state directory " + c.Process.StateDir + "\n")
	}
	var open []string
	for _, s := range list {
		path := strings.Split(s.key, ".")
		same := 0
		for same < len(open) && same < len(path)-1 && open[same] == path[same] {
			same++
		}
		for i := same; i < len(path)-1; i++ {
			out.WriteString(strings.Repeat("  ", i) + path[i] + ":\n")
		}
		open = path[:len(path)-1]
		value, raw := strings.CutPrefix(s.value, rawYAML)
		if !raw {
			value = quote(value)
		}
		line := strings.Repeat("  ", len(path)-1) + path[len(path)-1] + ": " + value
		switch {
		case s.origin == "derived" && !origin:
			line = strings.Repeat("  ", len(path)-1) + "# " + strings.TrimLeft(line, " ")
		case origin && s.at.File != "":
			line += "  # " + s.at.String()
		case origin:
			line += "  # " + s.origin
		}
		out.WriteString(line + "\n")
	}
	return out.String()
}

// group keeps the process's settings first, then transports, gateways and flows, each with its names together.
func group(key string) string {
	path := strings.Split(key, ".")
	for i, s := range []string{"transports", "gateways", "flows"} {
		if path[0] == s {
			return string(rune('1'+i)) + strings.Join(path[:2], ".")
		}
	}
	if path[0] == "database" || path[0] == "retention" {
		return "0" + path[0]
	}
	return "0"
}

// quote writes a text as YAML, in quotes where it could be read as something else.
func quote(s string) string {
	const safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-"
	plain := s != "" && s != "null" && strings.Trim(s, safe) == ""
	if plain && s[0] >= '0' && s[0] <= '9' {
		_, duration := parseDuration(s)
		_, rate := parseRate(s)
		size, ok := parseSize(s)
		plain = duration || rate || ok && (strings.HasSuffix(s, "B") || s == strconv.FormatInt(size, 10))
	}
	if plain && s[0] != '-' && s[0] != '.' {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// Credentials names the systemd credentials that the configuration asks for, each once, sorted.
func (c *Config) Credentials() []string {
	var names []string
	for _, s := range c.shown {
		if strings.HasSuffix(s.key, ".credential") && s.value != "" && !slices.Contains(names, s.value) {
			names = append(names, s.value)
		}
	}
	slices.Sort(names)
	return names
}
