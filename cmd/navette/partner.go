package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/navette-connect/navette/transports/sftpbox/partner"
)

// partnerCommand serves a folder over SFTP with faults that are switched on by name, to rehearse with.
func (a *app) partnerCommand() *cobra.Command {
	var o partner.Options
	var listen string
	var faults []string
	c := command("partner", "", a.arguments(0, 0), func(c *cobra.Command, _ []string) (err error) {
		if o.Faults, err = partner.ParseFaults(faults); err != nil {
			return usage(err)
		}
		if o.Password == "" {
			o.Password = rand.Text()
		}
		for _, dir := range []string{"in", "out", "done", "rejected"} {
			if err := os.MkdirAll(filepath.Join(o.Dir, dir), 0o755); err != nil {
				return err
			}
		}
		o.HostKey = filepath.Join(o.Dir, ".navette-partner-key")
		s, err := partner.New(o)
		if err != nil {
			return err
		}
		l, err := net.Listen("tcp", listen)
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		secret := filepath.Join(o.Dir, ".navette-partner-password")
		if err := os.WriteFile(secret, []byte(o.Password+"\n"), 0o600); err != nil {
			return errors.Join(err, l.Close())
		}
		if secret, err = filepath.Abs(secret); err != nil {
			return errors.Join(err, l.Close())
		}
		a.printf("%s\n", a.say("ui.partner.listening", "address", l.Addr().String(), "dir", o.Dir))
		a.printf("transports:\n  partner:\n    type: sftp\n    address: %s\n    user: %s\n    password: {file: %s}\n    host_keys: [%q]\n", l.Addr(), o.User, secret, s.HostKey())
		a.printf("%s\n", a.say("ui.partner.folders"))
		if len(faults) > 0 {
			a.printf("%s\n", a.say("ui.partner.faults", "faults", strings.Join(faults, ", ")))
		}
		return s.Serve(c.Context(), l)
	})
	f := c.Flags()
	f.StringVar(&listen, "listen", "127.0.0.1:2022", "")
	f.StringVar(&o.Dir, "dir", ".partner", "")
	f.StringVar(&o.User, "user", "partner", "")
	f.StringVar(&o.Password, "password", "", "")
	f.StringArrayVar(&faults, "fault", nil, "")
	return a.localise(c)
}
