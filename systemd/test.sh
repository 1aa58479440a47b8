#!/usr/bin/env bash
# The service under a real systemd: boots a throw-away Debian with systemd-nspawn, installs the package, and tries what
# an IT team and bad days do to it. Called by `make test-system`; takes root, systemd-nspawn and mmdebstrap. The root file
# system is made once, in $NAVETTE_TEST_ROOT, and never changed afterwards (--volatile=overlay).
set -u
cd "$(dirname "$0")/.."
passed=0 failed=0 skipped=0
ok() { if [ "$1" -eq 0 ]; then passed=$((passed + 1)); echo "ok    $2"; else failed=$((failed + 1)); echo "FAIL  $2"; fi; }
skip() { skipped=$((skipped + 1)); echo "skip  $1"; }
missing=
[ "$(id -u)" -eq 0 ] || missing="root"
for t in systemd-nspawn mmdebstrap nsenter dpkg-deb; do command -v $t >/dev/null || missing="$missing $t"; done
if [ -n "$missing" ]; then
	echo "skip  the service under systemd: not here:$missing (as root: apt-get install systemd-container mmdebstrap)"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi

root=${NAVETTE_TEST_ROOT:-/var/tmp/navette-test-root}
work=$(mktemp -d)
nspawn= leader=
finish() {
	if [ -n "$leader" ]; then kill -s RTMIN+4 "$leader" 2>/dev/null; fi # poweroff.target
	if [ -n "$nspawn" ]; then (sleep 20; kill "$nspawn" 2>/dev/null) & wait "$nspawn" 2>/dev/null; kill $! 2>/dev/null; fi
	rm -rf "$work"
}
trap finish EXIT

if [ ! -e "$root/.ready" ]; then
	echo "      making $root (once)"
	rm -rf "$root"
	mmdebstrap --quiet --variant=minbase --include=systemd,systemd-sysv,dbus,ca-certificates,curl bookworm "$root" >"$work/root.log" 2>&1 || { cat "$work/root.log"; exit 1; }
	ln -sf /dev/null "$root/etc/systemd/system/systemd-networkd-wait-online.service"
	touch "$root/.ready"
fi
arch=$(dpkg --print-architecture)
if [ -z "${NAVETTE_DEB:-}" ]; then
	ARCHS=$arch KINDS=deb packaging/build.sh >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
	NAVETTE_DEB=$(ls -t dist/*_"$arch".deb | head -n 1)
fi
# The same package as a newer one, and as one that knows no journal.
variant() { # VERSION SCHEMA OUT
	dpkg-deb -R "$NAVETTE_DEB" "$work/v" && sed -i "s/^Version:.*/Version: $1/" "$work/v/DEBIAN/control" &&
		sed -i "s/^knows=.*/knows=$2/" "$work/v/DEBIAN/preinst" && dpkg-deb -Zgzip -b "$work/v" "$3" >/dev/null && rm -rf "$work/v"
}
mkdir "$work/share"
cp "$NAVETTE_DEB" "$work/share/this.deb"
variant 99.0-1 99 "$work/share/newer.deb"
variant 0.0.0~older-1 0 "$work/share/older.deb"
cp systemd/testdata/* "$work/share/"

SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn --quiet --boot --register=no --keep-unit --private-network --volatile=overlay \
	--bind-ro="$work/share":/share -D "$root" </dev/null >"$work/console" 2>&1 &
nspawn=$!
for _ in $(seq 100); do
	leader=$(pgrep -P "$nspawn" | head -n 1)
	[ -n "$leader" ] && break
	sleep 0.1
done
inside() { nsenter -t "$leader" -m -u -i -n -p -C -- "$@"; }
until_true() { # SECONDS COMMAND…: polls
	local n=$(($1 * 5))
	shift
	for _ in $(seq "$n"); do
		if "$@" >/dev/null 2>&1; then return 0; fi
		sleep 0.2
	done
	return 1
}
until_true 60 inside systemctl is-active multi-user.target || { cat "$work/console"; echo "systemd did not boot"; exit 1; }
is() { [ "$(inside systemctl show -P "$1" navette.service)" = "$2" ]; }
status() { inside systemctl show -P StatusText navette.service; }
dropin() { inside sh -c 'mkdir -p /run/systemd/system/navette.service.d && printf "[Service]\n%b\n" "$2" >/run/systemd/system/navette.service.d/'"$1"'.conf && systemctl daemon-reload' sh "$1" "$2"; }

# ---- Installation. ----
inside dpkg -i /share/this.deb >"$work/dpkg" 2>&1
ok $? "dpkg -i"
until_true 20 is ActiveState active
ok $? "installed = enabled and started ($(inside systemctl is-enabled navette), $(inside systemctl is-active navette))"
status | grep -qi "no flow\|aucun flux"
ok $? "its STATUS: $(status)"
[ "$(inside stat -c '%a %U %G' /srv/navette)" = "2770 navette navette" ] && [ "$(inside stat -c '%a %U %G' /var/lib/navette)" = "750 navette navette" ]
ok $? "folders have the rights they need"

# ---- A flow, a reload, a file of another user. ----
inside sh -c 'useradd -m -G navette erp; cp /share/mappings-plain.yaml /etc/navette/mappings/plain.yaml; cp /share/flow.yaml /etc/navette/flows.d/invoices.yaml
	install -d -m 0755 /share-psp; printf secret-token >/etc/navette/credentials/psp; chmod 600 /etc/navette/credentials/psp
	systemd-run --quiet --unit=psp navette sandbox --listen 127.0.0.1:9001 --state /share-psp --lang en'
inside systemctl reload navette.service 2>"$work/reload"
[ $? -ne 0 ] || inside journalctl -u navette --no-pager -o cat | grep -q 'NV-4007'
ok $? "a reload that needs a credential the unit does not give is refused"
is ActiveState active
ok $? "and the service goes on with the old configuration"
inside sh -c 'mkdir -p /etc/systemd/system/navette.service.d && navette unit --print-dropin --lang en >/etc/systemd/system/navette.service.d/50-navette.conf && systemctl daemon-reload && systemctl restart navette'
ok $? "navette unit --print-dropin gives it ($(inside grep -c ^LoadCredential /etc/systemd/system/navette.service.d/50-navette.conf) credential)"
status | grep -q '^1 flow'
ok $? "STATUS: $(status)"
inside runuser -u erp -- sh -c 'umask 0027; cp /share/three.csv /srv/navette/invoices/in/three.csv'
ok $? "another user of the group drops a file"
until_true 30 inside test -e /srv/navette/invoices/out/three.ret.csv
ok $? "and gets its returns ($(inside sh -c 'ls /srv/navette/invoices/out | tr "\n" " "'))"
inside runuser -u erp -- sh -c 'cat /srv/navette/invoices/out/three.ret.csv && rm /srv/navette/invoices/out/three.ret.csv' >/dev/null
ok $? "which it may read and take away"
inside runuser -u erp -- sh -c 'umask 0077; cp /share/three.csv /srv/navette/invoices/in/private.csv'
until_true 20 sh -c "nsenter -t $leader -m -p -C -- journalctl -u navette --no-pager -o cat | grep -q '\"trouble\".*private\|private.*trouble\|private.*ermission'"
ok $? "a file it may not read is told, and stays"
inside sh -c 'chmod -f 640 /srv/navette/invoices/in/private.csv /srv/navette/invoices/in/.navette-*private.csv'
until_true 30 inside test -e /srv/navette/invoices/out/private.ack.csv
ok $? "and is taken once its rights are mended"
inside runuser -u erp -- ls /var/lib/navette >/dev/null 2>&1
r=$?
inside runuser -u erp -- navette status --config /etc/navette >/dev/null 2>"$work/erp-status"
ok $? "an operator of the group sees the status from a shell (state readable: $r)"
inside navette status >/dev/null
inside systemctl restart navette && is ActiveState active && [ -z "$(inside find /var/lib/navette -user root)" ]
ok $? "a command run by root leaves nothing the service cannot use"

# ---- A crash loop, a wrong configuration. ----
inside sh -c 'cp /etc/navette/flows.d/invoices.yaml /tmp/keep.yaml; echo "  nonsense: [" >>/etc/navette/flows.d/invoices.yaml'
! inside systemctl reload navette.service 2>/dev/null && is ActiveState active
ok $? "a reload of a broken configuration fails, the service goes on"
before=$(inside systemctl show -P NRestarts navette)
! inside systemctl restart navette.service 2>/dev/null
until_true 10 is ActiveState failed && is ExecMainStatus 3 && [ "$(inside systemctl show -P NRestarts navette)" = 0 ]
ok $? "exit 3 is not restarted (status $(inside systemctl show -P ExecMainStatus navette), restarts before $before, after $(inside systemctl show -P NRestarts navette))"
inside cp /tmp/keep.yaml /etc/navette/flows.d/invoices.yaml
inside sh -c 'systemctl reset-failed navette; systemctl start navette'
until_true 20 is ActiveState active
ok $? "mended, it starts again"
dropin crash 'ExecStart=\nExecStart=/bin/sh -c "exit 1"\nRestartSec=100ms'
inside systemctl restart navette 2>/dev/null
until_true 30 is ActiveState failed && inside journalctl -u navette --no-pager -o cat | grep -q 'Start request repeated too quickly\|start-limit-hit'
ok $? "a crash loop ends ($(inside systemctl show -P NRestarts navette) restarts, result $(inside systemctl show -P Result navette))"
inside sh -c 'rm /run/systemd/system/navette.service.d/crash.conf; systemctl daemon-reload; systemctl reset-failed navette; systemctl start navette'
until_true 20 is ActiveState active
ok $? "and ends well once the reason is gone"

# ---- Bad days: kill -9, freeze, SIGHUP storm, stop under load. ----
ledger() { inside curl -s http://127.0.0.1:9001/_ledger; }
figure() { ledger | grep -o "\"$1\": *[0-9]*" | tail -n 1 | tr -dc '0-9'; }
sane() { [ "$(figure doubled)" = 0 ] && [ "$(figure drifted)" = 0 ] && [ "$(figure asked_twice)" = 0 ]; }
rows() { echo "Invoice;Amount" && seq "$1" | sed "s/.*/$2-&;1.00/"; }
answered() { [ "$(inside sh -c "cat /srv/navette/invoices/out/$1.ret.csv | wc -l")" = "$2" ]; }
rows 3000 KILL | inside sh -c 'umask 0027; cat >/srv/navette/invoices/in/kill.csv.tmp; chgrp navette /srv/navette/invoices/in/kill.csv.tmp; mv /srv/navette/invoices/in/kill.csv.tmp /srv/navette/invoices/in/kill.csv'
inside systemctl reset-failed navette
killed=0
for _ in 1 2 3; do
	sleep 2
	pid=$(inside systemctl show -P MainPID navette)
	inside systemctl kill --signal=KILL navette
	until_true 30 sh -c "p=\$(nsenter -t $leader -m -p -C -- systemctl show -P MainPID navette); [ \$p -gt 0 ] && [ \$p != $pid ]" && until_true 20 is ActiveState active && killed=$((killed + 1))
done
[ $killed = 3 ]
ok $? "kill -9 under load: restarted ($(inside systemctl show -P NRestarts navette) times)"
until_true 120 answered kill 3001
ok $? "and every row of the file is answered"
sane
ok $? "none was sent twice (doubled $(figure doubled), drifted $(figure drifted), asked twice $(figure asked_twice))"
inside systemctl reset-failed navette
rows 20000 STOP | inside sh -c 'umask 0027; cat >/tmp/stop.csv; chgrp navette /tmp/stop.csv; mv /tmp/stop.csv /srv/navette/invoices/in/stop.csv'
until_true 30 sh -c "nsenter -t $leader -m -n -p -C -- curl -s http://127.0.0.1:9001/_ledger | grep -q STOP"
begun=$(date +%s)
inside systemctl stop navette
took=$(($(date +%s) - begun))
is Result success && is ExecMainStatus 0 && [ $took -lt 90 ]
ok $? "stopped under load in ${took} s, exit 0"
inside systemctl start navette
pid=$(inside systemctl show -P MainPID navette)
inside sh -c 'for i in $(seq 100); do kill -HUP "$1"; done' sh "$pid"
for _ in $(seq 30); do inside systemctl kill --signal=HUP navette; done
until_true 20 is ActiveState active && is MainPID "$pid"
ok $? "a storm of 100 SIGHUP changes nothing"
until_true 240 answered stop 20001 && sane
ok $? "and the file stopped in the middle is answered, nothing sent twice"
dropin dog 'WatchdogSec=3s'
inside systemctl restart navette
pid=$(inside systemctl show -P MainPID navette)
inside sh -c 'kill -STOP "$1"' sh "$pid"
until_true 40 sh -c "nsenter -t $leader -m -p -C -- journalctl -u navette --no-pager -o cat | grep -q 'Watchdog timeout'" && until_true 30 is ActiveState active && [ "$(inside systemctl show -P MainPID navette)" != "$pid" ]
ok $? "a frozen process is restarted by the watchdog"
pid=$(inside systemctl show -P MainPID navette)
sleep 10
is MainPID "$pid"
ok $? "and a healthy one feeds it"
inside sh -c 'rm /run/systemd/system/navette.service.d/dog.conf; systemctl daemon-reload; systemctl restart navette'

# ---- Upgrade, downgrade, removal, purge. ----
inside sh -c 'echo "# kept" >>/etc/navette/navette.yaml'
inside dpkg -i --force-confold /share/newer.deb >"$work/dpkg" 2>&1 && until_true 20 is ActiveState active && inside grep -q '# kept' /etc/navette/navette.yaml && inside navette where KILL-7 >/dev/null
ok $? "an upgrade keeps configuration and journal, and restarts"
! inside dpkg -i --force-confold /share/older.deb >"$work/dpkg" 2>&1 && grep -q 'newer version' "$work/dpkg" && is ActiveState active
ok $? "a downgrade over a newer journal is refused, the service goes on"
inside dpkg -r navette >"$work/dpkg" 2>&1 && ! is ActiveState active && inside test -e /var/lib/navette/journal.db && inside test -e /etc/navette/navette.yaml
ok $? "remove stops it, and keeps configuration and journal"
inside dpkg -i --force-confold /share/this.deb >"$work/dpkg" 2>&1 && until_true 20 is ActiveState active && inside navette where KILL-7 >/dev/null
ok $? "installed again, it knows its rows"
inside dpkg -P navette >"$work/dpkg" 2>&1 && ! inside test -e /var/lib/navette && ! inside test -e /etc/navette && inside test -e /srv/navette/invoices
ok $? "purge removes configuration and state, and keeps the folders of exchange"

if [ $failed -gt 0 ] && [ -n "${KEEP_LOG:-}" ]; then inside journalctl --no-pager -o short >"$KEEP_LOG"; fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
