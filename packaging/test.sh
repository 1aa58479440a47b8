#!/usr/bin/env bash
# Looks at the packages without installing them on this machine: two builds are the same bytes, lintian has no error, the
# manual pages have no warning, rpm unpacks into a throw-away root. Called by `make test-packages`.
set -u
cd "$(dirname "$0")/.."
passed=0 failed=0 skipped=0
ok() { if [ "$1" -eq 0 ]; then passed=$((passed + 1)); echo "ok    $2"; else failed=$((failed + 1)); echo "FAIL  $2"; fi; }
skip() { skipped=$((skipped + 1)); echo "skip  $1"; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

rm -f dist/*.deb dist/*.rpm
export ARCHS=${ARCHS:-$(go env GOARCH)}
packaging/build.sh >"$work/log" 2>&1 && (cd dist && sha256sum ./*.deb ./*.rpm) >"$work/first" && packaging/build.sh >"$work/log" 2>&1 && (cd dist && sha256sum -c --quiet "$work/first")
ok $? "two builds give the same bytes"
[ $failed -eq 0 ] || { cat "$work/log"; exit 1; }

deb=$(ls dist/*_"$(go env GOARCH)".deb)
rpm=$(ls dist/*_"$(go env GOARCH)".rpm)
if command -v lintian >/dev/null; then
	lintian --allow-root "$deb" >"$work/lintian" 2>&1
	! grep '^E:' "$work/lintian"
	ok $? "lintian finds no error ($(grep -c '^W:' "$work/lintian") warnings)"
else
	skip "lintian is not installed (apt-get install lintian)"
fi
mkdir "$work/deb" && dpkg-deb -x "$deb" "$work/deb" && dpkg-deb -e "$deb" "$work/control"
[ "$(sort "$work/control/conffiles")" = /etc/navette/navette.yaml ]
ok $? "the configuration is a conffile"
"$work/deb/usr/bin/navette" check --config "$work/deb/etc/navette" --state "$work/state" >"$work/check" 2>&1
ok $? "the configuration as installed is right"
for p in "$work"/deb/usr/share/man/man?/*.gz "$work"/deb/usr/share/man/fr/man?/*.gz; do
	if command -v man >/dev/null; then
		man --warnings -E UTF-8 -l -Tutf8 -Z "$p" 2>&1 >/dev/null | grep -v '^$' >"$work/man"
		[ ! -s "$work/man" ]
		ok $? "no warning in ${p##*/}"
	else
		skip "man is not installed"
	fi
done
doc=$work/deb/usr/share/doc/navette
(cd "$doc" && for page in *.md fr/*.md; do
	grep -oE '\]\([^)]+\)' "$page" | sed -E 's/^\]\(//; s/\)$//; s/#.*//' | while read -r to; do
		case $to in
		'' | http*) continue ;;
		/*) at=$work/deb$to ;;
		*) at=$(dirname "$page")/$to ;;
		esac
		[ -e "$at" ] || echo "$page links to $to"
	done
done) >"$work/links"
[ -s "$doc/README.md" ] && [ -s "$doc/fr/comptable.md" ] && [ ! -s "$work/links" ]
ok $? "every page installed links to what is installed"
cat "$work/links"
for s in "$work"/control/{preinst,postinst,prerm,postrm}; do sh -n "$s" || ok 1 "$s"; done

# The rpm, into a root of its own.
if command -v rpm >/dev/null && [ "$(id -u)" -eq 0 ]; then
	rpm --root "$work/rpm" --initdb && rpm --root "$work/rpm" -i --nodeps --noscripts --nosignature "$rpm" 2>"$work/rpmlog"
	[ -x "$work/rpm/usr/bin/navette" ] && [ -f "$work/rpm/usr/lib/systemd/system/navette.service" ]
	ok $? "the rpm unpacks into a root of its own"
	rpm -qp --configfiles "$rpm" 2>/dev/null | grep -qx /etc/navette/navette.yaml
	ok $? "the rpm keeps the configuration"
	rpm -qp --scripts "$rpm" 2>/dev/null | grep -q 'preuninstall scriptlet'
	ok $? "the rpm stops the service when it is removed"
else
	skip "the rpm was not unpacked: this takes root and rpm (apt-get install rpm)"
fi

# The unit as such.
if command -v systemd-analyze >/dev/null; then
	systemd-analyze security --offline=true --threshold=11 --no-pager systemd/navette.service >"$work/exposure"
	ok $? "$(tail -n 1 "$work/exposure" | tr -cd '[:print:]')"
	cat systemd/navette.service systemd/10-addresses.conf >"$work/navette.service"
	systemd-analyze security --offline=true --threshold=10 --no-pager "$work/navette.service" >"$work/exposure"
	ok $? "with 10-addresses.conf: $(tail -n 1 "$work/exposure" | tr -cd '[:print:]')"
	mkdir -p "$work/root" && cp -a "$work/deb/." "$work/root/" && mkdir -p "$work/root/bin" && cp /bin/sh "$work/root/bin/sh"
	systemd-analyze verify --man=no --recursive-errors=no --root="$work/root" navette.service >"$work/verify" 2>&1
	grep -v "Failed to prepare filename" "$work/verify" | grep navette && cat "$work/verify"
	! grep -q "navette.service:" "$work/verify"
	ok $? "systemd-analyze verify has nothing to say"
else
	skip "systemd-analyze is not installed"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
