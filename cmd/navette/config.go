package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/navette-connect/navette/connector/config"
)

func (a *app) configCommand() *cobra.Command {
	group := command("config", "", a.arguments(0, 0), func(c *cobra.Command, _ []string) error { return c.Help() })
	var origin bool
	show := command("show", "", a.arguments(0, 0), func(*cobra.Command, []string) error {
		cfg, err := a.load(config.SecretsSkipped)
		if err != nil {
			return err
		}
		for _, w := range cfg.Warnings {
			fmt.Fprintln(a.errs, w.In(a.lang()))
		}
		a.printf("%s", cfg.Show(origin))
		return nil
	})
	show.Flags().BoolVar(&origin, "origin", false, "")
	group.AddCommand(show)
	return a.localise(group)
}
