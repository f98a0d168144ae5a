# Shared by the scripts in dev/: where things are, and how to tell our processes from others.
# Linux only: /proc answers both questions without a tool that may be missing.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
DEV=${TOPUP_DEV_DIR:-$ROOT/.dev}
mkdir -p "$DEV"
DEV=$(cd "$DEV" && pwd -P)
# shellcheck disable=SC2034 # used by the scripts that source this one
ENV_FILE=$DEV/env
READY_SECONDS=90

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# Runs a command with root's rights.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "root or sudo is needed for: $*"
  fi
}

# Is a local TCP port in use, by a listener or as the near end of a connection? Time-wait (06) is free.
port_taken() {
  local hex
  hex=$(printf ':%04X' "$1")
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
    awk -v port="$hex" '$2 ~ port "$" && $4 != "06" { found = 1 } END { exit !found }'
}

# The port of a service, remembered in a file: the one of last time, else the default, else any free one.
# Ports are looked for below 32768, where the kernel hands out none for outgoing connections.
pick_port() {
  local file=$1 default=$2 port
  for port in $(cat "$file" 2>/dev/null || true) "$default" $(shuf -i 20000-32000 -n 50); do
    if ! port_taken "$port"; then
      echo "$port" | tee "$file"
      return
    fi
  done
  die "no free port found"
}

# Calls a function until it succeeds; fails when the time is up or the process is dead. A process that
# was only just started may not be recognisable yet: it gets five seconds.
wait_ready() {
  local alive=$1 answers=$2 start=$SECONDS
  until "$answers"; do
    [ $((SECONDS - start)) -lt $READY_SECONDS ] || return 1
    [ $((SECONDS - start)) -lt 5 ] || "$alive" >/dev/null || return 1
    sleep 0.1
  done
}

# Stops when the log's last lines have been shown: they say why a service did not start.
die_with_log() {
  say "--- $2"
  tail -n 40 "$2" >&2 || true
  die "$1"
}
