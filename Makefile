# navette. `make build` needs Go alone; `make test` first installs what else the tests use, or says what is missing.

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS   = -s -w -X main.version=$(VERSION)
FUZZTIME ?= 30s
# Kills of each kill test: in `make test`, and in `make soak`.
KILLS      ?= 105
SOAK_KILLS ?= 2000
SOAK_SEEDS ?= 2000

# The race detector needs a C compiler; a machine of the CI must have one.
RACE = $(if $(or $(CI),$(shell command -v cc)),-race)
# The race detector makes SQLite ten times slower. Without it run: the program's own tests (a faster program dies in more
# places), but for those under load, and elsewhere the tables and simulations that try thousands of cases.
PROGRAM = ./cmd/navette
LOADED  = ^Test(Reload|Term|GatewayBusy|SFTPTwo|LyraNotifications)
PLAIN   = ^Test(Kill|Known|ReplaceAtEachAct|SimulateReplace)
# The folders whose tests kill the program; found, so that nobody keeps a list.
KILLTESTS = $(shell grep -rlE --include='*_test.go' '^func TestKill' . | xargs -r -n1 dirname | sort -u)

.PHONY: build demo sftp-demo packages test-packages test-system test test-program test-others test-deps lint bench fuzz soak clean

build:
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o navette ./cmd/navette

# The whole product on its embedded sandbox; ARGS=--exit ends after the first round.
demo: build
	./navette demo --dir .demo $(ARGS)

# A throw-away OpenSSH server, a file put and the returns fetched with the stock sftp client.
sftp-demo: build
	@testdata/sftp-demo.sh .demo-sftp

lint:
	go vet ./...
	@files=$$(gofmt -l .); test -z "$$files" || { echo "gofmt would change:"; echo "$$files"; exit 1; } >&2
	go tool staticcheck ./...

# `go vet` has run already. The program's tests wait more than they compute: the others run beside them.
test: test-deps lint
	@$(MAKE) --no-print-directory -j2 --output-sync=target test-program test-others
	go test -vet=off $(RACE) -timeout 30m -run '$(LOADED)' $(PROGRAM)

test-program:
	KILLS=$(KILLS) go test -vet=off -count=1 -timeout 40m $(PROGRAM)

test-others:
	KILLS=$(KILLS) go test -vet=off -count=1 -timeout 30m -run '$(PLAIN)' ./connector ./transports/...
	go test -vet=off $(RACE) -timeout 30m -skip '$(PLAIN)' $$(go list ./... | grep -v /cmd/navette$$)

# dist/navette_VERSION_ARCH.deb and .rpm; ARCHS=amd64 or KINDS=deb make some of them.
packages:
	@packaging/build.sh

# The packages without installing them here: built twice and compared, lintian, their scripts in a throw-away root.
test-packages:
	@packaging/test.sh

# The service under a real systemd (systemd-nspawn boots one, as root); elsewhere it says what it skipped.
test-system:
	@systemd/test.sh

# What the tests use beside Go: installed by apt where it is missing and we are root, else named; nothing when all is there.
test-deps:
	@.ci/test-deps

# Every fuzz target in turn, FUZZTIME each.
fuzz:
	@grep -roE --include='*_test.go' '^func Fuzz[[:alnum:]_]+' . | sed -E 's#/[^/]+:func # #' | sort | \
	while read -r dir name; do \
		echo "$$dir $$name"; \
		go test -vet=off -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$dir" || exit 1; \
	done

# The kill tests and the simulation for a long time.
soak:
	KILLS=$(SOAK_KILLS) go test -vet=off -count=1 -timeout 0 -v -run '^TestKill' $(KILLTESTS)
	SEEDS=$(SOAK_SEEDS) go test -vet=off -count=1 -timeout 0 -run '^TestSimul' ./connector
	STEP=1 go test -vet=off -count=1 -timeout 0 -run '^TestReplaceAtEachAct' ./connector

# The yardsticks of bench/README.md; ARGS="rate -quick" takes some of them.
bench:
	@go run ./bench/run $(ARGS)

clean:
	rm -rf navette dist .demo .demo-sftp bench/.work
