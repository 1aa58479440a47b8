// Command sftp gets and puts files with navette's Box of SFTP servers, for the yardstick `sftp` of bench/run.
//
//	sftp -address H:P -user U -key FILE -host-key LINE get|put REMOTE-DIR LOCAL-DIR
//	sftp … list REMOTE-DIR
//
// list prints the number of files. get reads every file of REMOTE-DIR into LOCAL-DIR; put publishes every file of
// LOCAL-DIR into REMOTE-DIR under temporary names that are renamed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/navette-connect/navette/transports/sftpbox"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "sftp:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	var o sftpbox.Options
	var host string
	flag.StringVar(&o.Address, "address", "", "host:port")
	flag.StringVar(&o.User, "user", "", "user")
	key := flag.String("key", "", "file of the private key")
	flag.StringVar(&host, "host-key", "", "the server's key")
	flag.Parse()
	if flag.NArg() != 3 && (flag.NArg() != 2 || flag.Arg(0) != "list") {
		return errors.New("get|put REMOTE-DIR LOCAL-DIR, or list REMOTE-DIR, are wanted")
	}
	secret, err := os.ReadFile(*key)
	if err != nil {
		return err
	}
	o.Key, o.HostKeys = string(secret), []string{host}
	b, err := sftpbox.New(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	remote, local := flag.Arg(1), flag.Arg(2)
	switch flag.Arg(0) {
	case "list":
		files, err := b.List(ctx, remote)
		fmt.Println(len(files))
		return err
	case "get":
		files, err := b.List(ctx, remote)
		if err != nil {
			return err
		}
		names := make([]string, len(files))
		for i, f := range files {
			names[i] = f.Name
		}
		return each(names, b.InFlight(), func(name string) error { return get(ctx, b, b.Join(remote, name), filepath.Join(local, name)) })
	case "put":
		entries, err := os.ReadDir(local)
		if err != nil {
			return err
		}
		names := make([]string, len(entries))
		for i, e := range entries {
			names[i] = e.Name()
		}
		return each(names, b.InFlight(), func(name string) error { return put(ctx, b, filepath.Join(local, name), b.Join(remote, name)) })
	}
	return fmt.Errorf("%q: get or put is wanted", flag.Arg(0))
}

func each(names []string, width int, do func(string) error) (err error) {
	var all sync.WaitGroup
	var mu sync.Mutex
	places := make(chan struct{}, width)
	for _, name := range names {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			if e := do(name); e != nil {
				mu.Lock()
				defer mu.Unlock()
				err = errors.Join(err, e)
			}
		})
	}
	all.Wait()
	return err
}

func get(ctx context.Context, b *sftpbox.Box, from, to string) error {
	r, err := b.Open(ctx, from)
	if err != nil {
		return err
	}
	f, err := os.Create(to)
	if err != nil {
		return errors.Join(err, r.Close())
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close(), r.Close())
}

func put(ctx context.Context, b *sftpbox.Box, from, to string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	return errors.Join(b.Publish(ctx, to, f, 0), f.Close())
}
