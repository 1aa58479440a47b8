package main

import (
	"net"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/ssh"

	"github.com/navette-connect/navette/transports/sftpbox"
)

// hostkeyCommand shows a server's host keys. It believes none of them: a person compares them, and pins one.
func (a *app) hostkeyCommand() *cobra.Command {
	c := &cobra.Command{Use: "hostkey", Args: a.subcommand, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(command("show ADDRESS", "", a.arguments(1, 1), func(c *cobra.Command, args []string) error {
		address := args[0]
		if _, _, err := net.SplitHostPort(address); err != nil {
			address = net.JoinHostPort(address, "22")
		}
		keys, err := sftpbox.ShowHostKeys(c.Context(), address, 15*time.Second)
		if err != nil {
			return a.fail(exitFailed, "ui.hostkey.away", "address", clean(address), "detail", clean(a.cause(err, err.Error())))
		}
		a.printf("%s\n", a.say("ui.hostkey.shown", "address", address))
		rows := [][]string{}
		for _, k := range keys {
			rows = append(rows, []string{"  " + k.Type(), ssh.FingerprintSHA256(k)})
		}
		if err := a.table(rows); err != nil {
			return err
		}
		a.printf("\n%s\n  host_keys:\n", a.say("ui.hostkey.compare"))
		for _, k := range keys {
			a.printf("    - %q\n", hostKeyLine(k))
		}
		return nil
	}))
	return c
}

// hostKeyLine is a key as `host_keys` has it.
func hostKeyLine(k ssh.PublicKey) string {
	text := ssh.MarshalAuthorizedKey(k)
	return string(text[:len(text)-1])
}
