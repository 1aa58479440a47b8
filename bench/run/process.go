package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// process is a program to run to its end.
type process struct {
	name string // of its log
	path string
	args []string
	env  []string // nil: ours
}

// usage is what one process took, as the system counts it for that process alone.
type usage struct {
	wall, cpu time.Duration
	rss       float64 // peak, MiB
	exit      int     // -1 when killed
	log       string  // what it printed
}

// child is a process that runs.
type child struct {
	cmd     *exec.Cmd
	log     *os.File
	started time.Time
	peak    chan float64
	done    chan struct{}
}

// measure runs p to its end. An exit code is no error.
func (b *bench) measure(ctx context.Context, p process) (usage, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, b.limit, fmt.Errorf("%s took longer than %s", p.name, b.limit))
	defer cancel()
	c, err := b.start(ctx, p)
	if err != nil {
		return usage{}, err
	}
	u, err := c.wait()
	if ctx.Err() != nil {
		return u, context.Cause(ctx)
	}
	return u, err
}

// start runs p until it ends or ctx does; the caller must wait for it.
func (b *bench) start(ctx context.Context, p process) (*child, error) {
	log, err := os.OpenFile(filepath.Join(b.work, "log", p.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, p.path, p.args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = p.env, b.work, log, log
	c := &child{cmd: cmd, log: log, started: time.Now(), peak: make(chan float64, 1), done: make(chan struct{})}
	if err := cmd.Start(); err != nil {
		log.Close()
		return nil, err
	}
	go c.watch()
	return c, nil
}

// wait gives what the process took once it has ended.
func (c *child) wait() (usage, error) {
	err := c.cmd.Wait()
	u := usage{wall: time.Since(c.started), log: c.log.Name()}
	close(c.done)
	u.rss = <-c.peak
	if cerr := c.log.Close(); cerr != nil {
		return u, cerr
	}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return u, err
	}
	st := c.cmd.ProcessState
	u.exit, u.cpu = st.ExitCode(), st.UserTime()+st.SystemTime()
	return u, nil
}

// kill is kill -9: nothing in the process may notice.
func (c *child) kill() error {
	if err := c.cmd.Process.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// watch reads the high-water mark until the process has ended: the kernel's own count for that program alone, where
// rusage's may be inherited from its parent.
func (c *child) watch() {
	var peak float64
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if mark, ok := highWater(c.cmd.Process.Pid); ok {
			peak = max(peak, mark)
		}
		select {
		case <-c.done:
			c.peak <- peak
			return
		case <-tick.C:
		}
	}
}

// highWater is VmHWM of a process in MiB.
func highWater(pid int) (float64, bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, false
	}
	_, after, found := bytes.Cut(b, []byte("VmHWM:"))
	if !found {
		return 0, false
	}
	f := bytes.Fields(after)
	if len(f) == 0 {
		return 0, false
	}
	kb, err := strconv.ParseFloat(string(f[0]), 64)
	return kb / 1024, err == nil
}
