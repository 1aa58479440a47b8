//go:build unix

package sftpbox_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/navette-connect/navette/transports"
	"github.com/navette-connect/navette/transports/sftpbox/sshdtest"
)

// crowd is how many files a folder may hold without anything becoming slow.
const crowd = 50_000

// fillCrowd makes them, of ten sizes. Links are quicker made than files, and no server tells them apart.
func fillCrowd(t *testing.T, dir string) {
	t.Helper()
	for i := range crowd {
		name, size := filepath.Join(dir, fmt.Sprintf("f%05d.csv", i)), i%10
		var err error
		if i < 10 {
			err = os.WriteFile(name, make([]byte, size), 0o644)
		} else {
			err = os.Link(filepath.Join(dir, fmt.Sprintf("f%05d.csv", size)), name)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// checkCrowd looks whether a listing holds them all, as they are.
func checkCrowd(t *testing.T, files []transports.File) {
	t.Helper()
	if len(files) != crowd {
		t.Fatalf("%d files, want %d", len(files), crowd)
	}
	for i, f := range files {
		if f.Name != fmt.Sprintf("f%05d.csv", i) || f.Size != int64(i%10) || f.ModTime.IsZero() {
			t.Fatalf("file %d: %+v", i, f)
		}
	}
}

// TestCrowd: a folder of 50,000 files is one listing, and no file is asked about: not at OpenSSH, whose own log is read,
// nor at the rehearsal server, which counts.
func TestCrowd(t *testing.T) {
	r := rehearse(t, nil)
	fillCrowd(t, r.dir)
	files, err := r.box.List(t.Context(), "/")
	if err != nil {
		t.Fatal(err)
	}
	checkCrowd(t, files)
	if asked := r.Requests(); asked["List"] != 1 || len(asked) != 1 {
		t.Errorf("the rehearsal server was asked %v, want one listing and nothing else", asked)
	}

	program, log := sshdtest.SFTPServer(t), filepath.Join(t.TempDir(), "log")
	s := sshdtest.Start(t, sshdtest.Options{SFTP: program + " -e -l DEBUG3 2>" + log})
	if files, err = box(t, s, nil).List(t.Context(), r.dir); err != nil {
		t.Fatal(err)
	}
	checkCrowd(t, files)
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	requests := map[string]int{}
	for line := range strings.Lines(string(text)) { // "debug3: request 4: readdir …"; "request 4: sent …" is the answer
		if _, after, ok := strings.Cut(line, ": request "); ok {
			if fields := strings.Fields(after); len(fields) > 1 && fields[1] != "sent" {
				requests[fields[1]]++
			}
		}
	}
	if requests["opendir"] != 1 || requests["readdir"] < crowd/1000 || requests["readdir"] > crowd/50 {
		t.Errorf("OpenSSH was asked %v, want one opendir, and a readdir for every hundred names or so", requests)
	}
	for kind := range requests {
		if !slices.Contains([]string{"opendir", "readdir", "close", "limits"}, kind) {
			t.Errorf("OpenSSH was asked %v: no %s is wanted", requests, kind)
		}
	}
}
