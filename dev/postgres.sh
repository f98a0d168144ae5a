# A private PostgreSQL from the system's own package. Sourced after lib.sh.
# shellcheck shell=bash

PG=$DEV/postgres
PG_PORT_FILE=$PG/port
PG_DEFAULT_PORT=54329

# The newest server that the system has. Debian keeps its binaries out of PATH.
pg_bin() {
  local newest
  newest=$(find /usr/lib/postgresql -path '*/bin/initdb' 2>/dev/null | sort -V | tail -n 1)
  if [ -z "$newest" ]; then
    newest=$(readlink -f "$(command -v initdb)") || return 1
  fi
  dirname "$newest"
}

# PostgreSQL refuses to run as root: root hands it to another user, anybody else runs it himself.
pg_user() {
  if [ "$(id -u)" != 0 ]; then
    id -un
  elif id postgres >/dev/null 2>&1; then
    echo postgres
  else
    echo nobody
  fi
}

# In / because that user may not be allowed to stand in the current folder.
as_pg() {
  local user
  user=$(pg_user)
  if [ "$user" = "$(id -un)" ]; then
    (cd / && "$@")
  else
    (cd / && setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups "$@")
  fi
}

# The folder that holds the cluster: below .dev/ when PostgreSQL's user can get there, else a private
# one in /var/tmp, whose name .dev/ remembers (a checkout below a closed home folder, run as root).
pg_home() {
  local remembered=$PG/home home
  if home=$(cat "$remembered" 2>/dev/null) && [ -d "$home" ]; then
    echo "$home"
    return
  fi
  home=$PG/server
  mkdir -p "$home"
  chmod 700 "$home"
  chown "$(pg_user)" "$home"
  if ! as_pg test -w "$home"; then
    rmdir "$home"
    home=$(mktemp -d "/var/tmp/topup-$(echo "$ROOT" | cksum | cut -d' ' -f1)-XXXXXX")
    chown "$(pg_user)" "$home"
  fi
  echo "$home" | tee "$remembered"
}

# One cluster for each major version: a newer server cannot read an older one's files.
pg_paths() {
  mkdir -p "$PG"
  PG_BIN=$(pg_bin) || die "PostgreSQL's server is not installed: run dev/install"
  PG_HOME=$(pg_home)
  PG_DATA=$PG_HOME/$("$PG_BIN/postgres" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
  PG_LOG=$PG_HOME/log
}

# Is this process a PostgreSQL of this cluster? They all stand in the data folder.
pg_is_ours() {
  [ "$(cat "/proc/$1/comm" 2>/dev/null)" = postgres ] &&
    [ "$(readlink "/proc/$1/cwd" 2>/dev/null)" = "$PG_DATA" ]
}

# The server's process id; fails when its pid file is missing or names a process that is not ours.
pg_pid() {
  local pid
  pid=$(head -n 1 "$PG_DATA/postmaster.pid" 2>/dev/null) && pg_is_ours "$pid" && echo "$pid"
}

pg_answers() {
  "$PG_BIN/pg_isready" -q -h 127.0.0.1 -p "$(cat "$PG_PORT_FILE")" -U topup -d postgres
}

pg_running() {
  [ -e "$PG_PORT_FILE" ] || return 1
  pg_paths
  pg_pid >/dev/null && pg_answers
}

pg_psql() {
  "$PG_BIN/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$(cat "$PG_PORT_FILE")" -U topup "$@"
}

# A pid file that survived a crash stops PostgreSQL when its number now belongs to another process.
# It may go only when no process of this cluster is left.
pg_drop_stale_pid_file() {
  local process
  [ -e "$PG_DATA/postmaster.pid" ] || return 0
  for process in /proc/[0-9]*; do
    if pg_is_ours "${process#/proc/}"; then return 0; fi
  done
  rm -f "$PG_DATA/postmaster.pid"
}

# Does this server know a setting with this value? (wal_compression=lz4 came with version 15.)
pg_accepts() { as_pg "$PG_BIN/postgres" -D "$PG_DATA" -c "$1" -C port >/dev/null 2>&1; }

# Settings for money: nothing that trades safety for speed. Few, large checkpoints keep the benchmark
# free of full-page writes. Only the tests switch the disk's part off (TOPUP_PG_FSYNC=off): they kill
# processes, never the machine, and drop all they made.
pg_write_settings() {
  local memory_mb buffers_mb
  memory_mb=$(awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo)
  buffers_mb=$((memory_mb / 4 < 6144 ? memory_mb / 4 : 6144))
  {
    echo "listen_addresses = '127.0.0.1'"
    echo "port = $1"
    # No socket: its folder would have to be private, and a deep checkout makes its name too long.
    echo "unix_socket_directories = ''"
    echo "fsync = ${TOPUP_PG_FSYNC:-on}"
    echo "synchronous_commit = on"
    echo "max_wal_size = '16GB'"
    # Old segments are used again: a new one is first written full of zeros.
    echo "min_wal_size = '2GB'"
    # What a large batch writes is on its way to the disk before its commit waits for it.
    echo "wal_writer_delay = '10ms'"
    echo "checkpoint_timeout = '30min'"
    echo "shared_buffers = '${buffers_mb}MB'"
    if pg_accepts wal_compression=lz4; then
      echo "wal_compression = lz4"
    fi
    if [ -e "$("$PG_BIN/pg_config" --pkglibdir)/pg_stat_statements.so" ]; then
      echo "shared_preload_libraries = 'pg_stat_statements'"
    fi
  } | as_pg tee "$PG_DATA/topup.conf" >/dev/null
}

pg_init() {
  # A first start that was cut off leaves half a cluster: it holds nothing yet.
  as_pg rm -rf "$PG_DATA.new"
  as_pg "$PG_BIN/initdb" -D "$PG_DATA.new" -U topup -A trust -E UTF8 --locale=C.UTF-8 >/dev/null
  echo "host all all 127.0.0.1/32 trust" | as_pg tee "$PG_DATA.new/pg_hba.conf" >/dev/null
  echo "include_if_exists = 'topup.conf'" | as_pg tee -a "$PG_DATA.new/postgresql.conf" >/dev/null
  as_pg mv "$PG_DATA.new" "$PG_DATA"
}

pg_up() {
  pg_paths
  if ! pg_pid >/dev/null; then
    as_pg test -e "$PG_DATA/PG_VERSION" || pg_init
    pg_drop_stale_pid_file
    pg_write_settings "$(pick_port "$PG_PORT_FILE" $PG_DEFAULT_PORT)"
    # pg_ctl's own wait is not used: it reports a start that failed, but not why.
    as_pg "$PG_BIN/pg_ctl" -D "$PG_DATA" -l "$PG_LOG" -W start >/dev/null 9>&-
  fi
  wait_ready pg_pid pg_answers || die_with_log "PostgreSQL did not start" "$PG_LOG"
  if [ -z "$(pg_psql -d postgres -c "SELECT 1 FROM pg_database WHERE datname = 'topup'")" ]; then
    pg_psql -d postgres -c 'CREATE DATABASE topup'
  fi
}

# A server that a test run started without the disk's part, and that is wanted by hand now.
pg_make_safe() {
  pg_paths
  if grep -q '^fsync = off' "$PG_DATA/topup.conf"; then
    sed 's/^fsync = off/fsync = on/' "$PG_DATA/topup.conf" | as_pg tee "$PG_DATA/topup.conf.new" >/dev/null
    as_pg mv "$PG_DATA/topup.conf.new" "$PG_DATA/topup.conf"
    as_pg "$PG_BIN/pg_ctl" -D "$PG_DATA" reload >/dev/null
    pg_psql -d postgres -c 'CHECKPOINT'
  fi
}

pg_down() {
  [ -e "$PG_PORT_FILE" ] || return 0
  pg_paths
  if pg_pid >/dev/null; then
    as_pg "$PG_BIN/pg_ctl" -D "$PG_DATA" -m fast -t 60 stop >/dev/null
  fi
}

pg_wipe() {
  local home
  if home=$(cat "$PG/home" 2>/dev/null); then
    rm -rf "$home"
  fi
  rm -rf "$PG"
}
