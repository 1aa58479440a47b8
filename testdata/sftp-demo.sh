#!/usr/bin/env bash
# A throw-away OpenSSH server on the loopback, navette beside it, a file put with the stock `sftp` client and the returns
# fetched with it. `make sftp-demo` runs it; everything lies in DIR (default .demo-sftp) and nothing leaves the machine.
set -euo pipefail
NAVETTE=$(realpath "${NAVETTE:-./navette}")
DIR=${1:-.demo-sftp}
rm -rf "$DIR"
mkdir -p "$DIR"/{server/in,server/out,server/done,server/rejected,etc/mappings,state,keys}
DIR=$(realpath "$DIR")
SSHD=$(PATH=$PATH:/usr/sbin command -v sshd) || { echo "sftp-demo: install openssh-server"; exit 1; }
[ "$(id -u)" = 0 ] && mkdir -p /run/sshd
PORT=${PORT:-$((20000 + RANDOM % 20000))}
ME=$(id -un)

echo "1. A partner's server: OpenSSH on 127.0.0.1:$PORT, with keys of its own"
ssh-keygen -q -t ed25519 -N '' -C server -f "$DIR/keys/host"
ssh-keygen -q -t ed25519 -N '' -C navette -f "$DIR/keys/navette"
cat >"$DIR/keys/sshd_config" <<END
Port $PORT
ListenAddress 127.0.0.1
HostKey $DIR/keys/host
AuthorizedKeysFile $DIR/keys/navette.pub
PasswordAuthentication no
StrictModes no
UsePAM no
PidFile none
Subsystem sftp internal-sftp
END
"$SSHD" -D -f "$DIR/keys/sshd_config" -E "$DIR/keys/sshd.log" &
SERVER=$!
trap 'kill $SERVER' EXIT
for _ in $(seq 100); do (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null && break; sleep 0.05; done

echo "2. Its host key, as a person compares and pins it: navette hostkey show 127.0.0.1:$PORT"
"$NAVETTE" hostkey show "127.0.0.1:$PORT"
cat >"$DIR/etc/navette.yaml" <<END
transports:
  partner:
    type: sftp
    address: 127.0.0.1:$PORT
    user: $ME
    key: {file: $DIR/keys/navette}
    host_keys: ["$(cut -d' ' -f1,2 "$DIR/keys/host.pub")"]
gateways:
  psp: {type: sandbox, mode: test}
flows:
  invoices:
    transport: partner
    in: $DIR/server/in
    out: $DIR/server/out
    done: $DIR/server/done
    rejected: $DIR/server/rejected
    quiet: 1s
    mapping: invoices
    gateway: psp
END
cat >"$DIR/etc/mappings/invoices.yaml" <<'END'
navette: mapping/v1
name: invoices
kind: request
locale: en
source: {format: csv, encoding: utf-8, delimiter: ";", header: 1, decimal: ",", dates: ["%d/%m/%Y"]}
fields:
  - {name: reference, column: Invoice, required: true}
  - {name: amount, column: Amount, type: amount, required: true}
  - {name: due_on, column: Due, type: date}
  - {name: customer.email, column: Email, type: email}
END
printf 'Invoice;Amount;Due;Email\r\nINV-1;120,50;02/12/2026;billing@customer.example\r\nINV-2;1.250,00;02/12/2026;billing@customer.example\r\n' >"$DIR/INVOICES.csv"
export NAVETTE_CONFIG_DIR=$DIR/etc NAVETTE_STATE_DIR=$DIR/state NAVETTE_LISTEN=off NAVETTE_LOG_LEVEL=error

echo
echo "3. Can navette log in? navette check --online, then navette doctor"
"$NAVETTE" check --online
"$NAVETTE" doctor --yes

echo
echo "4. The ERP puts a file with the stock client: put INVOICES.csv"
client() {
	sftp -q -b - -F none -i "$DIR/keys/navette" -o IdentitiesOnly=yes -o "UserKnownHostsFile=$DIR/keys/known_hosts" -P "$PORT" "$ME@127.0.0.1" >/dev/null
}
echo "[127.0.0.1]:$PORT $(cat "$DIR/keys/host.pub")" >"$DIR/keys/known_hosts"
echo "put $DIR/INVOICES.csv $DIR/server/in/INVOICES.csv" | client

echo "5. One pass: navette once"
"$NAVETTE" once

echo "6. The ERP fetches the answers: get out/*"
mkdir -p "$DIR/answers"
echo "get $DIR/server/out/* $DIR/answers/" | client
for f in "$DIR"/answers/*; do
	echo
	echo "-- $(basename "$f")"
	tr -d '\r' <"$f"
done
test -s "$DIR/answers/INVOICES.ret.csv" && test -s "$DIR/answers/INVOICES.rej.csv"
echo
echo "Everything is in $DIR; the configuration to start from is $DIR/etc/navette.yaml"
