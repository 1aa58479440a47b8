//go:build unix

package transportstest

import (
	"fmt"
	"os"
	"time"

	"github.com/navette-connect/navette/transports"
)

func moving() []Check {
	return []Check{
		{"move", "Move renames a file within its folder and to another, with its bytes and its time.", move},
		{"move/exists", "Move never overwrites: ErrExists, and both files are unharmed.", moveExists},
		{"move/gone", "Move: ErrGone when the file is gone, ErrFolder when a folder is.", moveGone},
		{"move/hostile", "Move takes plain files only: ErrRefused for links, pipes, folders.", moveHostile},
		{"move/race/apart", "Of many movers of one file to names of their own exactly one gets nil.", moveRaceApart},
		{"move/race/same", "Of many movers of one file to one name exactly one gets nil.", moveRaceSame},
		{"move/race/target", "Of many files moved to one name exactly one arrives, the others stay.", moveRaceTarget},
		{"move/device", "Between file systems Move copies whole, then removes; it never overwrites and leaves nothing behind.", moveDevice},
		{"move/device/race", "Between file systems too exactly one mover of a file gets nil, and one copy is left.", moveDeviceRace},
	}
}

func move(t *trial) {
	done := t.sub("done")
	text := pattern(10_000)
	t.write("x.csv", text)
	old := time.Date(2026, 3, 1, 12, 30, 15, 0, time.UTC)
	t.must(os.Chtimes(t.here("x.csv"), old, old))
	was, err := t.Box.Stat(t.ctx, t.at("x.csv"))
	t.must(err)
	t.want("Move within the folder", t.Box.Move(t.ctx, t.at("x.csv"), t.at(".claimed-x.csv")), nil)
	t.names(t.Home.Here, "done", ".claimed-x.csv")
	to := t.Box.Join(done.Box, "y.csv")
	t.want("Move to another folder", t.Box.Move(t.ctx, t.at(".claimed-x.csv"), to), nil)
	t.names(t.Home.Here, "done")
	t.names(done.Here, "y.csv")
	t.holds(done.Here+"/y.csv", text)
	is, err := t.Box.Stat(t.ctx, to)
	t.want("Stat", err, nil)
	if is.Name != "y.csv" || is.Size != was.Size || !is.ModTime.Equal(was.ModTime) {
		t.errorf("moved, %+v became %+v", was, is)
	}
}

func moveExists(t *trial) {
	t.write("x.csv", "moved")
	target := t.sub("elsewhere")
	t.must(os.WriteFile(target.Here+"/file", []byte("first"), 0o600))
	want := append(t.hostile(target.Here+"/file"), "file.csv", "elsewhere")
	t.write("file.csv", "first")
	for _, name := range want {
		t.want("Move to "+name, t.Box.Move(t.ctx, t.at("x.csv"), t.at(name)), transports.ErrExists)
	}
	t.want("Move to itself", t.Box.Move(t.ctx, t.at("x.csv"), t.at("x.csv")), transports.ErrExists)
	t.names(t.Home.Here, append(want, "x.csv")...)
	t.holds(t.here("x.csv"), "moved")
	t.holds(t.here("file.csv"), "first")
	t.holds(target.Here+"/file", "first")
	// To a hard link of itself: taken, or an interrupted move by link and unlink that is completed.
	t.must(os.Link(t.here("x.csv"), t.here("twin.csv")))
	if err := t.Box.Move(t.ctx, t.at("x.csv"), t.at("twin.csv")); err != nil {
		t.want("Move to a hard link of itself", err, transports.ErrExists)
	}
	t.holds(t.here("twin.csv"), "moved")
}

func moveGone(t *trial) {
	done := t.sub("done")
	t.want("Move of a vanished file", t.Box.Move(t.ctx, t.at("x.csv"), t.at("y.csv")), transports.ErrGone)
	t.want("Move of a vanished file to a folder", t.Box.Move(t.ctx, t.at("x.csv"), t.Box.Join(done.Box, "y.csv")), transports.ErrGone)
	t.write("x.csv", "x")
	t.want("Move to a vanished folder", t.Box.Move(t.ctx, t.at("x.csv"), t.Box.Join(t.at("nofolder"), "x.csv")), transports.ErrFolder)
	t.want("Move from a vanished folder", t.Box.Move(t.ctx, t.Box.Join(t.at("nofolder"), "x.csv"), t.at("y.csv")), transports.ErrFolder)
	t.names(t.Home.Here, "done", "x.csv")
	t.names(done.Here)
}

func moveHostile(t *trial) {
	t.write("x.csv", "x")
	done := t.sub("done")
	made := t.hostile(t.here("x.csv"))
	for _, name := range made {
		t.want("Move of "+name, t.Box.Move(t.ctx, t.at(name), t.Box.Join(done.Box, name)), transports.ErrRefused)
	}
	t.names(done.Here)
	t.names(t.Home.Here, append(made, "x.csv", "done")...)
}

func moveRaceApart(t *trial) {
	for round := range 20 {
		from, text := fmt.Sprintf("r%d.csv", round), fmt.Sprint("round ", round)
		t.write(from, text)
		won := t.winner(race(func(i int) error {
			return t.Box.Move(t.ctx, t.at(from), t.at(fmt.Sprintf("r%d-%d", round, i)))
		}), transports.ErrGone, transports.ErrRetry)
		t.holds(t.here(fmt.Sprintf("r%d-%d", round, won)), text)
	}
	if got := len(t.listed(t.Home.Box)); got != 20 {
		t.errorf("20 files were moved, %d are there", got)
	}
}

func moveRaceSame(t *trial) {
	for round := range 20 {
		from, to, text := fmt.Sprintf("r%d.csv", round), fmt.Sprintf("to%d.csv", round), fmt.Sprint("round ", round)
		t.write(from, text)
		won := 0
		for _, err := range race(func(int) error { return t.Box.Move(t.ctx, t.at(from), t.at(to)) }) {
			if err == nil { // losers may say ErrGone, ErrExists, or that they cannot tell
				won++
			}
		}
		if won != 1 {
			t.errorf("round %d: %d movers got nil, want 1", round, won)
		}
		t.holds(t.here(to), text)
	}
	if got := len(t.listed(t.Home.Box)); got != 20 {
		t.errorf("20 files were moved, %d are there", got)
	}
}

func moveRaceTarget(t *trial) {
	for round := range 10 {
		sub := t.sub(fmt.Sprint("round", round))
		name := func(i int) string { return fmt.Sprintf("r%d.csv", i) }
		for i := range racers {
			t.must(os.WriteFile(sub.Here+"/"+name(i), []byte(name(i)), 0o600))
		}
		won := t.winner(race(func(i int) error {
			return t.Box.Move(t.ctx, t.Box.Join(sub.Box, name(i)), t.Box.Join(sub.Box, "to"))
		}), transports.ErrExists)
		t.holds(sub.Here+"/to", name(won))
		if got := len(t.listed(sub.Box)); got != racers {
			t.errorf("%d files are left of %d", got, racers)
		}
		for i := range racers {
			if i != won {
				t.holds(sub.Here+"/"+name(i), name(i))
			}
		}
	}
}

func moveDevice(t *trial) {
	if t.Other == (Folder{}) {
		t.skipf("no second file system")
	}
	text := pattern(300_000)
	old := time.Date(2026, 3, 1, 12, 30, 15, 0, time.UTC)
	stop := onlooker(t.Other.Here, text)
	for i := range 10 {
		name := fmt.Sprintf("x%d.csv", i)
		t.write(name, text)
		t.must(os.Chmod(t.here(name), 0o640))
		t.must(os.Chtimes(t.here(name), old, old))
		t.want("Move", t.Box.Move(t.ctx, t.at(name), t.Box.Join(t.Other.Box, name)), nil)
		t.holds(t.Other.Here+"/"+name, text)
		f, err := t.Box.Stat(t.ctx, t.Box.Join(t.Other.Box, name))
		t.want("Stat", err, nil)
		if !f.ModTime.Equal(old) {
			t.errorf("the copy changed at %v, want %v", f.ModTime, old)
		}
		if info, err := os.Stat(t.Other.Here + "/" + name); err == nil && info.Mode().Perm() != 0o640 {
			t.errorf("the copy has mode %o, want 640", info.Mode().Perm())
		}
	}
	if err := stop(); err != nil {
		t.errorf("%w", err)
	}
	t.names(t.Home.Here)
	t.write("y.csv", "second")
	t.want("Move onto a file", t.Box.Move(t.ctx, t.at("y.csv"), t.Box.Join(t.Other.Box, "x0.csv")), transports.ErrExists)
	t.holds(t.Other.Here+"/x0.csv", text)
	t.names(t.Home.Here, "y.csv")
	if got := len(t.listed(t.Other.Box)); got != 10 {
		t.errorf("10 files were moved, %d are there", got)
	}
}

func moveDeviceRace(t *trial) {
	if t.Other == (Folder{}) {
		t.skipf("no second file system")
	}
	for round := range 10 {
		from, text := fmt.Sprintf("r%d.csv", round), pattern(50_000)
		t.write(from, text)
		won := t.winner(race(func(i int) error {
			return t.Box.Move(t.ctx, t.at(from), t.Box.Join(t.Other.Box, fmt.Sprintf("r%d-%d", round, i)))
		}), transports.ErrGone, transports.ErrRetry)
		t.holds(t.Other.Here+fmt.Sprintf("/r%d-%d", round, won), text)
	}
	t.names(t.Home.Here)
	if got := len(t.listed(t.Other.Box)); got != 10 {
		t.errorf("10 files were moved, %d are there", got)
	}
}
