package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/navette-connect/navette/connector"
	"github.com/navette-connect/navette/connector/journal"
)

// supervisor speaks to systemd, if it listens: ready, reloading, stopping, a line of status, and the watchdog.
type supervisor struct {
	log       zerolog.Logger
	connector atomic.Pointer[connector.Connector]
}

// watch makes c the connector whose loops the watchdog looks at.
func (s *supervisor) watch(c *connector.Connector) { s.connector.Store(c) }

// notify tells systemd one thing.
func (s *supervisor) notify(state string) {
	if state == daemon.SdNotifyReloading {
		var now unix.Timespec
		if unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) == nil {
			state += "\nMONOTONIC_USEC=" + strconv.FormatInt(now.Nano()/1000, 10)
		}
	}
	if _, err := daemon.SdNotify(false, state); err != nil {
		s.log.Debug().Err(err).Msg("systemd was not told")
	}
}

// feed feeds the watchdog until the returned function is called, each time only after the journal has proved that it can
// be written and no loop stands still. A process that is not fed any more is killed with SIGABRT: its stacks are in the log.
func (s *supervisor) feed(ctx context.Context, j *journal.Journal) (stop func()) {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil || every == 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // also while what is in flight is awaited
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(every / 3)
		defer tick.Stop()
		told := ""
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			why := s.ill(ctx, j, every)
			if why == "" {
				s.notify(daemon.SdNotifyWatchdog)
			} else if why != told && ctx.Err() == nil {
				s.log.Error().Str("event", "watchdog").Str("reason", why).Msg("the watchdog is not fed: systemd will start the service anew")
			}
			told = why
		}
	})
	return func() { cancel(); wg.Wait() }
}

// ill says why the service does not do its work, "" when it does.
func (s *supervisor) ill(ctx context.Context, j *journal.Journal, limit time.Duration) string {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := j.Ready(ctx); err != nil {
		return "journal: " + err.Error()
	}
	if c := s.connector.Load(); c != nil {
		if list := c.Stalled(); len(list) > 0 {
			return "no sign of life: " + strings.Join(list, ", ")
		}
	}
	return ""
}

// outlook says how things stand, in a line for `systemctl status`.
func (a *app) outlook(o connector.Outlook, configDir string) string {
	if o.Flows == 0 {
		return a.say("ui.state.noflow", "dir", configDir)
	}
	parts := []string{a.count("ui.state.flows.", int64(o.Flows)), a.count("ui.state.held.", o.Held)}
	for _, name := range slices.Sorted(maps.Keys(o.Waiting)) {
		n := o.Waiting[name]
		family := "many"
		if n == 1 || n == 0 && a.lang() == "fr" {
			family = "one"
		}
		parts = append(parts, a.say("ui.state.waiting."+family, "n", a.number(n), "gateway", name))
	}
	if o.Troubles > 0 {
		parts = append(parts, a.count("ui.state.trouble.", int64(o.Troubles)))
	}
	return strings.Join(parts, ", ")
}

// waiting tells whether anything is on its way.
func waiting(o connector.Outlook) bool {
	for _, n := range o.Waiting {
		if n > 0 {
			return true
		}
	}
	return false
}

// teller tells systemd the line of status when it changes, and keeps less in memory while nothing is on its way.
func (a *app) teller(log zerolog.Logger, configDir string) func(connector.Outlook) {
	told := ""
	return func(o connector.Outlook) {
		if waiting(o) {
			a.ballast.hold()
		} else if a.ballast.drop() {
			giveBack(log)
		}
		if line := a.outlook(o, configDir); line != told {
			told = line
			if _, err := daemon.SdNotify(false, fmt.Sprintf("STATUS=%s", line)); err != nil {
				log.Debug().Err(err).Msg("systemd was not told")
			}
		}
	}
}
