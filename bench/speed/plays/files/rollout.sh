#!/bin/sh
# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# usage: rollout.sh ENGINE VERSION -- what people type: run, wait for health, write the proxy's file and reload it, stop. Says what each took.
set -eu
engine=$1 version=$2
folder=/opt/speed-script
now() { date +%s.%N; }
configure() {
    cat >"$folder/haproxy.cfg.new" <<CONFIG
global
    maxconn 4096
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend public
    bind :8181
    default_backend greet
backend greet
    server one $1:8282
CONFIG
    # In place: the container has the folder.
    mv "$folder/haproxy.cfg.new" "$folder/haproxy.cfg"
}
address() { "$engine" inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$1"; }

if ! "$engine" inspect speed-script-proxy >/dev/null 2>&1; then
    mkdir -p "$folder"
    "$engine" network create speed-script >/dev/null
    configure 127.0.0.1
    "$engine" run -d --name speed-script-proxy --user 0 --network speed-script -p 18587:8181 -v "$folder:/speed:ro" localhost/haproxy:test \
        haproxy -W -db -f /speed/haproxy.cfg >/dev/null
fi
old=$("$engine" ps --filter name=speed-script-greet --format '{{.Names}}')
name=speed-script-greet-$version
began=$(now)
"$engine" rm -f "$name" >/dev/null 2>&1 || true
"$engine" run -d --name "$name" --network speed-script "localhost/greet:$version" >/dev/null
ran=$(now)
where=$(address "$name")
until curl -fsS -o /dev/null "http://$where:8282/health" 2>/dev/null; do sleep 0.05; done
healthy=$(now)
configure "$where"
"$engine" kill --signal USR2 speed-script-proxy >/dev/null
until curl -fsS "http://127.0.0.1:18587/" 2>/dev/null | grep -q .; do sleep 0.02; done
switched=$(now)
[ -z "$old" ] || "$engine" stop "$old" >/dev/null
stopped=$(now)
printf '{"stamps": {"began": %s, "ran": %s, "healthy": %s, "switched": %s, "stopped": %s}}\n' "$began" "$ran" "$healthy" "$switched" "$stopped"
