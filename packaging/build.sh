#!/usr/bin/env bash
# Makes dist/navette_VERSION_ARCH.deb and .rpm; two runs on the same commit give the same bytes. Called by `make packages`.
set -eu
cd "$(dirname "$0")/.."
nfpm="go run github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.0"
tree=dist/tree

SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
PKGDATE=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
# v1.2.3 -> 1.2.3; commits after it -> 1.2.3+4.gabcdef0; no tag yet -> 0.0.0+20261122.gabcdef0, which any release replaces.
describe=$(git describe --tags --match 'v[0-9]*' 2>/dev/null || true)
if [ -n "$describe" ]; then
	describe=${describe#v}
	case $describe in
	*-*-g*) PKGVERSION=${describe%-*-g*}+$(echo "$describe" | sed -E 's/.*-([0-9]+)-(g[0-9a-f]+)$/\1.\2/') ;;
	*) PKGVERSION=$describe ;;
	esac
else
	PKGVERSION=0.0.0+$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M%S).g$(git rev-parse --short=7 HEAD)
fi
PKGVERSION=${VERSION_OVERRIDE:-$PKGVERSION}
export SOURCE_DATE_EPOCH PKGDATE PKGVERSION

rm -rf "$tree"
mkdir -p "$tree/man1" "$tree/man5" "$tree/completion"
build() { # ARCH OUT
	GOOS=linux GOARCH=$1 CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$PKGVERSION" -o "$2" ./cmd/navette
}
build "$(go env GOARCH)" "$tree/here"
unset NAVETTE_LANG
"$tree/here" man --lang en "$tree/man1"
"$tree/here" man --lang fr >"$tree/man1/navette.fr.1"
go run ./packaging/pages navette.yaml 5 "configuration of navette" packaging/navette.yaml >"$tree/man5/navette.yaml.5"
go run ./packaging/pages mapping 5 "how a file is read and answered by navette" docs/mapping.md >"$tree/man5/mapping.5"
gzip -9n "$tree"/man?/*
"$tree/here" completion bash --lang en >"$tree/completion/navette.bash"
"$tree/here" completion zsh --lang en >"$tree/completion/_navette"
"$tree/here" completion fish --lang en >"$tree/completion/navette.fish"

# The licences of what is linked in.
go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{"\t"}}{{.Dir}}{{end}}{{end}}' ./cmd/navette | sort -u | while IFS=$'\t' read -r module dir; do
	[ -n "$module" ] || continue
	echo "==== $module"
	find "$dir" -maxdepth 1 -type f \( -iname 'licen[sc]e*' -o -iname 'copying*' -o -iname 'notice*' \) | sort | xargs -r cat
	echo
done | gzip -9n >"$tree/THIRD-PARTY.gz"

# The README lies among the pages that it links to; what is not installed it links to at home.
home=https://github.com/navette-connect/navette/blob/main
sed -E -e 's#\]\(docs/#](#g' -e 's#\]\(packaging/navette\.yaml\)#](examples/navette.yaml)#' -e 's#\]\(mappings/presets/#](/usr/share/navette/presets/#' \
	-e 's#\]\(LICENSE\)#](copyright)#' -e "s#\]\((ARCHITECTURE|CHANGELOG|bench/README)\.md\)#]($home/\1.md)#" README.md >"$tree/README.md"

gzip -9nc CHANGELOG.md >"$tree/changelog.gz"
gzip -9nc >"$tree/changelog.Debian.gz" <<END
navette ($PKGVERSION-1) unstable; urgency=medium

  * The changes are in /usr/share/doc/navette/changelog.gz.

 -- navette maintainers <navette@navette-connect.example>  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
END
sed "s/@SCHEMA@/$("$tree/here" version --schema)/" packaging/scripts/preinstall >"$tree/preinstall"
chmod 755 "$tree/preinstall"

for ARCH in ${ARCHS:-amd64 arm64}; do
	export ARCH
	build "$ARCH" "$tree/navette"
	for kind in ${KINDS:-deb rpm}; do
		$nfpm package --config packaging/nfpm.yaml --packager "$kind" --target "dist/navette_${PKGVERSION}_$ARCH.$kind"
	done
done
rm -rf "$tree"
