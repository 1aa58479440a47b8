//go:build unix

package sftpbox_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/navette-connect/navette/transports/sftpbox"
	"github.com/navette-connect/navette/transports/sftpbox/sshdtest"
	"github.com/navette-connect/navette/transports/transportstest"
)

// box connects to a server.
func box(t *testing.T, s *sshdtest.Server, change func(*sftpbox.Options)) *sftpbox.Box {
	t.Helper()
	o := sftpbox.Options{Address: s.Address, User: s.User, Key: s.Key, HostKeys: s.Hosts}
	if change != nil {
		change(&o)
	}
	b, err := sftpbox.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func folder(t *testing.T, dir string) transportstest.Folder {
	t.Helper()
	path, err := os.MkdirTemp(dir, "navette-sftp-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(path) })
	if err := os.Chmod(path, 0o777); err != nil {
		t.Fatal(err)
	}
	return transportstest.Folder{Box: path, Here: path}
}

// lacks are the checks that mean nothing on an SFTP server.
func lacks() map[string]string {
	return map[string]string{
		"watch":            "SFTP has no events",
		"watch/lost":       "SFTP has no events",
		"busy":             "SFTP cannot tell who has a file open",
		"place":            "SFTP tells no devices",
		"mount":            "SFTP tells no mounts",
		"move/device":      "SFTP has no copy: done and rejected belong on the disk of in, and doctor says so",
		"move/device/race": "SFTP has no copy",
		"full/move":        "SFTP has no copy",
	}
}

// TestBox is the suite on an OpenSSH server of its own for each check.
func TestBox(t *testing.T) {
	transportstest.Test(t, func(t *testing.T) transportstest.Site {
		site := transportstest.Site{Home: folder(t, ""), Lacks: lacks()}
		var o sshdtest.Options
		if os.Geteuid() == 0 && strings.HasSuffix(t.Name(), "/rights") { // root has every right: log in as another
			o.LoginAs, o.Config = "nobody", []string{"ForceCommand internal-sftp"}
			site.Deprived = func(f func()) { f() }
		}
		if strings.HasSuffix(t.Name(), "/full") {
			site.Full = folder(t, "")
			if !mountSmall(t, site.Full.Here) {
				site.Full = transportstest.Folder{}
				site.Lacks["full"] = "no file system can be mounted here"
			}
		}
		site.Box = box(t, sshdtest.Start(t, o), nil)
		return site
	})
}

var _ = filepath.Join
