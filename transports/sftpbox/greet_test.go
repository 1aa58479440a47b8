//go:build unix

package sftpbox_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"github.com/navette-connect/navette/transports/sftpbox"
	"github.com/navette-connect/navette/transports/sftpbox/sshdtest"
)

// TestLimit: more than every server takes is asked only within what an answer to limits@openssh.com tells.
func TestLimit(t *testing.T) {
	answer := func(kind byte, numbers ...uint64) []byte {
		b := []byte{kind, 0, 0, 0, 0}
		for _, n := range numbers {
			b = binary.BigEndian.AppendUint64(b, n)
		}
		return b
	}
	for name, c := range map[string]struct {
		answer []byte
		want   int
	}{
		"OpenSSH":           {answer(201, 256<<10, 255<<10, 255<<10, 1019), 128 << 10},
		"between":           {answer(201, 256<<10, 64<<10, 100_000, 0), 64 << 10},
		"the write is less": {answer(201, 256<<10, 255<<10, 50_000, 0), 50_000},
		"the packet is":     {answer(201, 65<<10, 255<<10, 255<<10, 0), 64 << 10},
		"less than usual":   {answer(201, 16<<10, 8<<10, 8<<10, 0), 32 << 10},
		"tells nothing":     {answer(201, 0, 0, 0, 0), 32 << 10},
		"tells no write":    {answer(201, 256<<10, 255<<10, 0, 0), 32 << 10},
		"enormous":          {answer(201, 1<<63, 1<<63, 1<<63, 0), 128 << 10},
		"cut short":         {answer(201, 256<<10, 255<<10), 32 << 10},
		"a refusal":         {answer(101, 8, 0, 0, 0), 32 << 10},
		"nothing":           {nil, 32 << 10},
	} {
		if got := sftpbox.Limit(c.answer); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// TestPacket: OpenSSH is asked for much at once, a server that says nothing for what every server gives; both give and
// take files of all sizes around that.
func TestPacket(t *testing.T) {
	s := sshdtest.Start(t, sshdtest.Options{})
	dir := folder(t, "").Here
	silent := rehearse(t, nil)
	for name, c := range map[string]struct {
		box  *sftpbox.Box
		dir  string
		want int
	}{"OpenSSH": {box(t, s, nil), dir, 128 << 10}, "a server without limits": {silent.box, "", 32 << 10}} {
		got, err := c.box.Packet(t.Context())
		if err != nil || got != c.want {
			t.Fatalf("%s: %d, %v, want %d", name, got, err, c.want)
		}
		for _, n := range []int{0, 1, got - 1, got, got + 1, 3 * got, 70*got + 5} {
			text := text(n)
			if err := c.box.Publish(t.Context(), c.dir+"/x.csv", strings.NewReader(text), 0); err != nil {
				t.Fatalf("%s: %d bytes: %v", name, n, err)
			}
			if back, err := read(t, c.box, c.dir+"/x.csv"); err != nil || back != text {
				t.Errorf("%s: %d bytes: read %d, %v", name, n, len(back), err)
			}
			if err := c.box.Move(t.Context(), c.dir+"/x.csv", c.dir+"/y"+strings.Repeat("y", n%97)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// line is a server that sends what it sends, whatever it is told.
type line struct{ io.Reader }

func (line) Write(p []byte) (int, error) { return len(p), nil }
func (line) Close() error                { return nil }

// FuzzGreet: whatever a server begins with is an error or a client, and never asks it for more or less than may be.
func FuzzGreet(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x05\x02\x00\x00\x00\x03"))
	f.Add([]byte("\x00\x00\x00\x20\x02\x00\x00\x00\x03\x00\x00\x00\x12limits@openssh.com\x00\x00\x00\x011\x00\x00\x00\x25\xc9\x00\x00\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x03\xfc\x00\x00\x00\x00\x00\x00\x03\xfc\x00\x00\x00\x00\x00\x00\x00\x03\xfb"))
	f.Add([]byte("Welcome to our server\r\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, stream []byte) {
		files, most, err := sftpbox.Greet(line{bytes.NewReader(stream)})
		if err != nil {
			return
		}
		defer files.Close()
		_, announced := files.HasExtension("limits@openssh.com")
		if most < 32<<10 || most > 128<<10 || most > 32<<10 && !announced {
			t.Errorf("%d bytes at once, announced: %v", most, announced)
		}
	})
}
