//go:build unix

package sftpbox_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
)

// TestAsks: each act asks the server for what it needs and for nothing else, all of them over one connection: rights are
// changed only where a mode is given, no folder is made, and nothing is asked twice.
func TestAsks(t *testing.T) {
	r := rehearse(t, nil)
	for _, c := range []struct {
		name string
		act  func() error
		want map[string]int
	}{
		{"Connect", func() error { return r.box.Connect(t.Context()) }, map[string]int{}},
		{"Publish", func() error { return r.box.Publish(t.Context(), "/x.csv", strings.NewReader("text"), 0) },
			map[string]int{"Lstat": 1, "Put": 1, "Stat": 1, "Rename": 1}},
		{"Publish with a mode", func() error { return r.box.Publish(t.Context(), "/y.csv", strings.NewReader("text"), 0o640) },
			map[string]int{"Lstat": 1, "Put": 1, "Stat": 1, "Rename": 1, "Setstat": 1}},
		{"Replace", func() error { return r.box.Replace(t.Context(), "/z", strings.NewReader("text"), 0) },
			map[string]int{"Put": 1, "Stat": 1, "PosixRename": 1}},
		{"Open", func() error { _, err := read(t, r.box, "/x.csv"); return err }, map[string]int{"Lstat": 1, "Get": 1, "Stat": 1}},
		{"List", func() error { _, err := r.box.List(t.Context(), "/"); return err }, map[string]int{"List": 1}},
		{"Move", func() error { return r.box.Move(t.Context(), "/x.csv", "/.navette-1-x.csv") }, map[string]int{"Lstat": 2, "Rename": 1}},
		{"MakeDir of one that is there", func() error { return r.box.MakeDir(t.Context(), "/") }, map[string]int{"Stat": 1}},
	} {
		if err := c.act(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if asked := r.Requests(); !maps.Equal(asked, c.want) {
			t.Errorf("%s: asked %s, want %s", c.name, fmt.Sprint(asked), fmt.Sprint(c.want))
		}
	}
	if n := r.Logins(); n != 1 {
		t.Errorf("%d logins, want one", n)
	}
}
