package sftpbox

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// The bounds of one read or write, in bytes. 32 KiB is what every server takes (draft-ietf-secsh-filexfer-02 §3); beyond
// that some corrupt files, so that more is asked only of a server that says itself how much it takes. The upper bound
// keeps a distance from the 256 KiB at which the library, and OpenSSH, end a connection.
const (
	packet     = 32 << 10
	packetMost = 128 << 10
)

// limitsName is the extension by which a server tells how much it takes (OpenSSH's PROTOCOL §4.8).
const limitsName = "limits@openssh.com"

// Types of packets of SFTP version 3 (draft-ietf-secsh-filexfer-02 §3, §8).
const (
	fxpInit          = 1
	fxpVersion       = 2
	fxpExtended      = 200
	fxpExtendedReply = 201
)

// subsystem is a channel on which the server speaks SFTP; closing it says that nothing more is asked.
type subsystem struct{ ssh.Channel }

func (s subsystem) Close() error { return s.CloseWrite() }

// start begins SFTP on a connection. unread must be read to its end by the caller: what the server says beside SFTP.
func start(client *ssh.Client) (s subsystem, unread io.Reader, requests <-chan *ssh.Request, err error) {
	ch, requests, err := client.OpenChannel("session", nil)
	if err != nil {
		return s, nil, nil, err
	}
	ok, err := ch.SendRequest("subsystem", true, ssh.Marshal(struct{ Name string }{"sftp"}))
	if err == nil && !ok {
		err = errors.New("refused")
	}
	if err != nil {
		return s, nil, nil, errors.Join(err, ch.Close())
	}
	return subsystem{ch}, ch.Stderr(), requests, nil
}

// greet exchanges greetings, asks how much the server takes at once, and hands the channel to the library, which finds
// the server's greeting on it and whose own goes nowhere.
func greet(s io.ReadWriteCloser) (files *sftp.Client, most int, err error) {
	if _, err := s.Write([]byte{0, 0, 0, 5, fxpInit, 0, 0, 0, 3}); err != nil {
		return nil, 0, err
	}
	version, err := readPacket(s)
	if err != nil {
		return nil, 0, err
	}
	most = packet
	if announces(version, limitsName) {
		ask := append([]byte{fxpExtended, 0, 0, 0, 0}, ssh.Marshal(struct{ Name string }{limitsName})...)
		if _, err := s.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(ask))), ask...)); err != nil {
			return nil, 0, err
		}
		answer, err := readPacket(s)
		if err != nil {
			return nil, 0, err
		}
		most = limit(answer)
	}
	again := append(binary.BigEndian.AppendUint32(nil, uint32(len(version))), version...)
	files, err = sftp.NewClientPipe(io.MultiReader(bytes.NewReader(again), s), &greeted{WriteCloser: s, left: 9},
		sftp.UseConcurrentReads(false), sftp.UseConcurrentWrites(false), sftp.MaxPacketUnchecked(most))
	return files, most, err
}

// greeted drops the bytes of a greeting that was sent already.
type greeted struct {
	io.WriteCloser
	left int
}

func (g *greeted) Write(p []byte) (int, error) {
	skip := min(g.left, len(p))
	g.left -= skip
	if skip == len(p) {
		return skip, nil
	}
	n, err := g.WriteCloser.Write(p[skip:])
	return skip + n, err
}

// readPacket reads one packet of SFTP, without its length.
func readPacket(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n < 1 || n > 64<<10 {
		return nil, fmt.Errorf("it begins with %q, which is no greeting: does the account's shell print something?", head)
	}
	b := make([]byte, n)
	_, err := io.ReadFull(r, b)
	return b, err
}

// announces tells whether a greeting names an extension.
func announces(version []byte, name string) bool {
	if len(version) < 5 || version[0] != fxpVersion {
		return false // the library says what is wrong with it
	}
	var pair struct {
		Name, Data string
		Rest       []byte `ssh:"rest"`
	}
	for rest := version[5:]; len(rest) > 0; rest = pair.Rest {
		if ssh.Unmarshal(rest, &pair) != nil {
			return false
		}
		if pair.Name == name {
			return true
		}
	}
	return false
}

// limit gives the bytes of one read or write from the answer to limitsName: its lengths of a packet, a read and a write
// (the fourth number is of open files). 0 means that the server names none; never less than every server takes.
func limit(answer []byte) int {
	if len(answer) < 5+4*8 || answer[0] != fxpExtendedReply {
		return packet
	}
	told := func(i int) uint64 { return binary.BigEndian.Uint64(answer[5+8*i:]) }
	around := uint64(1 << 10) // what a packet holds beside the bytes
	return int(max(packet, min(packetMost, max(told(0), around)-around, told(1), told(2))))
}
