#!/bin/bash
# mariadb.sh start VERSION PORT DIR   start a throw-away MariaDB on 127.0.0.1:PORT, data in DIR, and print its URL
# mariadb.sh stop  VERSION PORT DIR   stop it by its process id and remove DIR
# VERSION 10.11 is Debian's (mariadb-server-core). An initialised data folder is kept in the cache and copied, since
# making one takes seconds. Nothing is flushed to disk: the server is for tests alone. The user is root, without a
# password, over TCP. More settings: MARIADB_OPTIONS="--performance-schema=1".
set -eu
[ $# = 4 ] || { sed -n '2,6s/^# //p' "$0" >&2; exit 2; }
action=$1 version=$2 port=$3 dir=$4
cache=${WHIMBREL_CACHE:-$HOME/.cache/whimbrel}
[ "$(id -u)" != 0 ] || cache=${WHIMBREL_CACHE:-/var/cache/whimbrel}
small="--innodb-log-file-size=4M --innodb-data-file-path=ibdata1:4M:autoextend"

stop() {
    local pid i
    pid=$(cat "$dir/pid" 2>/dev/null || true)
    if [ -n "$pid" ] && kill -KILL "$pid" 2>/dev/null; then # its data is thrown away
        for ((i = 0; i < 100; i++)); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.05
        done
    fi
    rm -rf "$dir"
}

# A data folder that can be copied; two that make it at once do not disturb each other.
prepare() {
    local full
    full=$(mariadbd --version | sed -n 's/.*Ver \([0-9.]*\).*/\1/p')
    case $full in "$version".*) ;; *)
        echo "mariadb.sh: MariaDB $version is not installed, but $full" >&2
        exit 1
        ;;
    esac
    template=$cache/mariadb/data-$full
    [ ! -d "$template/mysql" ] || return 0
    mkdir -p "$cache/mariadb"
    local fresh
    fresh=$(mktemp -d "$cache/mariadb/new-XXXXXX")
    mariadb-install-db --no-defaults --user="$(id -un)" --datadir="$fresh/data" \
        --auth-root-authentication-method=normal --skip-test-db $small >"$fresh/log" 2>&1 ||
        { cat "$fresh/log" >&2; rm -rf "$fresh"; exit 1; }
    mv -T "$fresh/data" "$template" 2>/dev/null || true
    rm -rf "$fresh"
}

await() {
    local i
    for ((i = 0; i < 1500; i++)); do
        if [ -S "$socket" ] && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then return 0; fi
        kill -0 "$1" 2>/dev/null || break
        sleep 0.02
    done
    tail -n 20 "$dir/server.log" >&2
    return 1
}

start() {
    command -v mariadbd >/dev/null || { echo "mariadb.sh: mariadbd is missing (apt install mariadb-server)" >&2; exit 1; }
    prepare
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    [ -d "$dir/data" ] || cp -a "$template" "$dir/data"
    socket=$dir/s
    [ ${#dir} -lt 90 ] || socket=${TMPDIR:-/tmp}/wb-mariadb-$port # a path over 107 bytes is too long for the kernel
    rm -f "$socket"
    echo "CREATE DATABASE IF NOT EXISTS whimbrel CHARACTER SET utf8mb4;" >"$dir/init.sql"
    mariadbd --no-defaults --user="$(id -un)" --datadir="$dir/data" $small --socket="$socket" --port="$port" \
        --bind-address=127.0.0.1 --pid-file="$dir/server.pid" --skip-log-bin --innodb-buffer-pool-size=16M \
        --innodb-flush-log-at-trx-commit=0 --innodb-flush-method=nosync --innodb-doublewrite=0 \
        --key-buffer-size=1M --aria-pagecache-buffer-size=1M --skip-name-resolve --init-file="$dir/init.sql" --max-connections=120 \
        --log-error="$dir/server.log" ${MARIADB_OPTIONS:-} >"$dir/out" 2>&1 </dev/null &
    echo $! >"$dir/pid"
    await "$(cat "$dir/pid")" || { stop; exit 1; }
    echo "mariadb://root@127.0.0.1:$port/whimbrel"
}

case $action in
start) start ;;
stop) stop ;;
*) sed -n '2,6s/^# //p' "$0" >&2; exit 2 ;;
esac
