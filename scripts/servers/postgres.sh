#!/bin/bash
# postgres.sh start VERSION PORT DIR   start a throw-away PostgreSQL on 127.0.0.1:PORT, data in DIR, and print its URL
# postgres.sh stop  VERSION PORT DIR   stop it by its process id and remove DIR
# VERSION 15 is Debian's, with the contrib extensions; others come from postgres-fetch.sh. As root the server runs as
# user postgres. Nothing is flushed to disk: the server is for tests alone. More settings: POSTGRES_OPTIONS="-c a=b".
set -eu
. "$(dirname "$0")/common.sh"
user=postgres
id -u $user >/dev/null 2>&1 || user=nobody

as_server() { # never as root
    if [ "$(id -u)" = 0 ]; then
        (cd / && setpriv --reuid=$user --regid="$(id -g $user)" --clear-groups env HOME="$dir" LC_ALL=C.UTF-8 "$@")
    else
        LC_ALL=C.UTF-8 "$@"
    fi
}

stop() { throw_away QUIT "$(head -n 1 "$dir/data/postmaster.pid" 2>/dev/null || true)"; } # immediate shutdown

start() {
    local bin=/usr/lib/postgresql/$version/bin
    [ -x "$bin/postgres" ] || bin=$cache/postgres/$version/bin
    [ -x "$bin/postgres" ] || { echo "postgres.sh: no server programs of PostgreSQL $version in $bin" >&2; exit 1; }
    make_dir
    if [ "$(id -u)" = 0 ]; then
        chown $user "$dir"
        case $(dirname "$dir") in "${TMPDIR:-/tmp}"/*) chmod o+x "$(dirname "$dir")" ;; esac # mktemp -d closes it
    fi
    # Over 107 bytes the path of a socket is too long for the kernel; the socket is a convenience, so it moves.
    local socket_dir=$dir
    [ ${#dir} -lt 80 ] || socket_dir=
    if [ ! -d "$dir/data" ]; then
        as_server "$bin/initdb" -D "$dir/data" -A trust -U whimbrel --no-sync -E UTF8 --locale=C >"$dir/initdb.log" 2>&1 ||
            { cat "$dir/initdb.log" >&2; exit 1; }
    fi
    as_server "$bin/pg_ctl" -D "$dir/data" -w -t 60 -l "$dir/data/server.log" -o "-c fsync=off -c synchronous_commit=off \
        -c full_page_writes=off -c shared_buffers=16MB -c max_connections=120 -c listen_addresses=127.0.0.1 \
        -c unix_socket_directories=$socket_dir -c port=$port -c autovacuum=off -c jit=off ${POSTGRES_OPTIONS:-}" \
        start >"$dir/start.log" 2>&1 </dev/null ||
        { cat "$dir/start.log" "$dir/data/server.log" >&2; exit 1; }
    echo "postgres://whimbrel@127.0.0.1:$port/postgres"
}

run "$@"
