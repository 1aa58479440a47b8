package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/navette-connect/navette/connector"
	"github.com/navette-connect/navette/connector/config"
	"github.com/navette-connect/navette/connector/gateway/sandbox"
	"github.com/navette-connect/navette/connector/journal"
	"github.com/navette-connect/navette/connector/journal/sqlite"
)

func (a *app) runCommand() *cobra.Command {
	cmd := command("run", a.say("ui.run"), cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		reload := make(chan os.Signal, 1)
		signal.Notify(reload, syscall.SIGHUP)
		defer signal.Stop(reload)
		return a.daemon(c.Context(), reload)
	})
	cmd.Flags().BoolVar(&a.newJournal, "new-journal", false, a.say("ui.flag.newjournal"))
	return cmd
}

// daemon runs until ctx ends. A reload checks the whole new configuration and swaps it in one step; on any error the old
// one stays.
func (a *app) daemon(ctx context.Context, reload <-chan os.Signal) (err error) {
	cfg, err := a.load(config.SecretsRequired)
	if err != nil {
		return err
	}
	log := a.logger(cfg.Process)
	for _, w := range cfg.Warnings {
		log.Warn().Str("event", "config.warning").Str("code", w.Code).Msg(w.In(a.lang()))
	}
	sd := &supervisor{log: log}
	j, err := sqlite.Open(ctx, cfg.Process.StateDir, journal.Options{Fault: a.hooks.journal, Upgrading: func() {
		log.Info().Str("event", "journal.upgrade").Msg("the journal is of an older version and is upgraded; a large one takes a minute")
		sd.notify(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", (30 * time.Minute).Microseconds()))
	}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	if err := markSchema(cfg.Process.StateDir); err != nil {
		return err
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	meter := connector.NewMeter(reg, version)
	place, err := a.openPlace(cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, place.Close()) }()
	s, err := a.build(cfg, j, log, meter, place)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	web := &listener{journal: j, gather: reg, log: log, lang: a.lang()}
	web.serve(s.connector)
	sd.watch(s.connector)
	stopWeb, err := web.start(cfg.Process.Listen)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopWeb()) }()
	stopPublic, err := web.startPublic(cfg.Process.PublicListen)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopPublic()) }()
	log.Info().Str("event", "started").Str("version", version).Int("flows", len(cfg.Flows)).Str("listen", web.address).Msg("navette is running")
	sd.notify(daemon.SdNotifyReady)
	defer sd.feed(ctx, j)()
	defer time.AfterFunc(5*time.Second, func() { giveBack(log) }).Stop()
	for {
		ended := make(chan error, 1)
		running, stop := context.WithCancel(ctx)
		go func() {
			ended <- s.connector.Run(running)
			close(ended) // whoever asks again learns that it is over
		}()
		next, err := a.await(ctx, log, sd, meter, reload, ended, func(cfg *config.Config) (*service, error) { return a.build(cfg, j, log, meter, place) })
		if next == nil {
			sd.notify(daemon.SdNotifyStopping)
			stop()
			if err == nil {
				err = <-ended
			}
			log.Info().Str("event", "stopped").Msg("navette has stopped")
			return err
		}
		stop() // what is in flight is awaited, then the new configuration takes over
		if err := <-ended; err != nil {
			return errors.Join(err, next.Close())
		}
		if err := s.Close(); err != nil {
			log.Warn().Str("event", "close").Err(err).Msg("something of the old configuration did not close")
		}
		s = next
		web.serve(s.connector)
		sd.watch(s.connector)
		meter.Reloaded(true)
		log.Info().Str("event", "config.reloaded").Int("flows", len(s.cfg.Flows)).Msg("the new configuration is in force")
		sd.notify(daemon.SdNotifyReady)
	}
}

// await returns the next service after a good reload, or nil when it is time to stop (with the error that ended it).
func (a *app) await(ctx context.Context, log zerolog.Logger, sd *supervisor, meter *connector.Meter, reload <-chan os.Signal, ended <-chan error, build func(*config.Config) (*service, error)) (*service, error) {
	for {
		select {
		case <-ctx.Done():
			return nil, nil
		case err := <-ended:
			if err == nil && ctx.Err() == nil {
				err = errors.New("the loops ended by themselves")
			}
			return nil, err
		case <-reload:
			sd.notify(daemon.SdNotifyReloading)
			cfg, err := a.load(config.SecretsRequired)
			var next *service
			if err == nil {
				next, err = build(cfg)
			}
			if err == nil {
				return next, nil
			}
			log.Error().Str("event", "config.refused").Err(errors.New(a.explainError(err))).Msg("the new configuration is not used; the old one stays")
			meter.Reloaded(false)
			sd.notify(daemon.SdNotifyReady)
		}
	}
}

// openPlace opens what one process has, whatever its configuration.
func (a *app) openPlace(cfg *config.Config) (gatewayPlace, error) {
	spool, err := connector.OpenSpool(filepath.Join(cfg.Process.StateDir, "spool"), a.hooks.point)
	return gatewayPlace{stateDir: cfg.Process.StateDir, lang: cfg.Process.Lang, sandboxes: map[string]*sandbox.PSP{}, spool: spool}, err
}

func (a *app) onceCommand() *cobra.Command {
	return command("once", a.say("ui.once"), cobra.NoArgs, func(c *cobra.Command, _ []string) (err error) {
		ctx := c.Context()
		cfg, err := a.load(config.SecretsRequired)
		if err != nil {
			return err
		}
		log := a.logger(cfg.Process)
		j, err := sqlite.Open(ctx, cfg.Process.StateDir, journal.Options{Fault: a.hooks.journal})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, j.Close()) }()
		place, err := a.openPlace(cfg)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, place.Close()) }()
		s, err := a.build(cfg, j, log, nil, place)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.Close()) }()
		began := time.Now()
		err = s.connector.Once(ctx, oncePatience)
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			return nil // told to stop: what is left goes on at the next run
		}
		return errors.Join(err, a.tellPass(ctx, j, cfg, began))
	})
}

// tellPass says what a pass took and where its answers are, and nothing when it took nothing (cron).
func (a *app) tellPass(ctx context.Context, j *journal.Journal, cfg *config.Config, began time.Time) error {
	files, err := j.RecentFiles(ctx, "", passFiles)
	if err != nil {
		return err
	}
	shown := ""
	for _, f := range slices.Backward(files) {
		flow := cfg.Flows[f.Flow]
		if f.ReceivedAt < began.UnixMicro() || flow == nil {
			continue
		}
		counts := a.word("ui.filestate.", f.State)
		if f.Judged {
			counts = a.say("ui.once.counts", append([]string{"accepted", a.count("ui.counts.accepted.", f.Accepted)}, a.counted(&f)...)...)
		}
		if f.Code != "" {
			counts += " " + f.Code + " " + clean(f.Message)
		}
		a.printf("%s\n", a.say("ui.once.file", "id", "f"+strconv.FormatInt(f.ID, 10), "file", clean(f.Name), "counts", counts, "out", flow.Out))
		shown = f.Flow
	}
	if shown != "" {
		a.printf("%s\n", a.say("ui.once.next", "files", a.typed("files"), "where", a.typed("where", "REF")))
	}
	return nil
}

// passFiles bounds how many files a pass is told to have taken.
const passFiles = 50

// oncePatience is how long `once` waits for a doubt to be looked up, or for a gateway that asks to be left alone.
const oncePatience = 10 * time.Second

func (a *app) versionCommand() *cobra.Command {
	var schema bool
	c := command("version", a.say("ui.version.short"), cobra.NoArgs, func(*cobra.Command, []string) error {
		if schema {
			a.printf("%d\n", journal.SchemaVersion())
			return nil
		}
		a.printf("%s\n", a.say("ui.version", "version", version))
		return nil
	})
	c.Flags().BoolVar(&schema, "schema", false, "")
	return a.localise(c)
}

// markSchema notes beside the journal which schema it has, for the packages: an older one refuses to be installed over it.
func markSchema(stateDir string) error {
	name := filepath.Join(stateDir, "schema")
	if err := os.WriteFile(name+".part", fmt.Appendf(nil, "%d\n", journal.SchemaVersion()), 0o644); err != nil {
		return err
	}
	return os.Rename(name+".part", name)
}
