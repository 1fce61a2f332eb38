#!/bin/bash
# mysql.sh start VERSION PORT DIR   start a throw-away MySQL on 127.0.0.1:PORT, data in DIR, and print its URL
# mysql.sh stop  VERSION PORT DIR   stop it by its process id and remove DIR
# VERSION 9 is what mysql-fetch.sh brought. An initialised data folder is kept in the cache and copied. Nothing is
# flushed to disk: the server is for tests alone. The user is root, without a password, over TCP.
# More settings: MYSQL_OPTIONS="--performance-schema=OFF".
set -eu
[ $# = 4 ] || { sed -n '2,6s/^# //p' "$0" >&2; exit 2; }
action=$1 version=$2 port=$3 dir=$4
cache=${WHIMBREL_CACHE:-$HOME/.cache/whimbrel}
[ "$(id -u)" != 0 ] || cache=${WHIMBREL_CACHE:-/var/cache/whimbrel}
home=$cache/mysql
root=$home/root
libraries=$root/usr/lib/$(uname -m)-linux-gnu

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

server() { # through its own loader, with its own libc
    exec "$(echo "$libraries"/ld-linux-*.so.*)" --library-path "$libraries" "$root/usr/sbin/mysqld" --no-defaults \
        --user="$(id -un)" --basedir="$root/usr" --lc-messages-dir="$root/usr/share/mysql" \
        --plugin-dir="$root/usr/lib/mysql/plugin" --character-sets-dir="$root/usr/share/mysql/charsets" \
        --secure-file-priv= "$@"
}

prepare() {
    local full fresh
    full=$( (server --version) | sed -n 's/.*Ver \([0-9.]*\).*/\1/p')
    case $full in "$version" | "$version".*) ;; *)
        echo "mysql.sh: MySQL $version is not there, but $full" >&2
        exit 1
        ;;
    esac
    template=$home/data-$full
    [ ! -d "$template/mysql" ] || return 0
    fresh=$(mktemp -d "$home/new-XXXXXX")
    (server --initialize-insecure --datadir="$fresh/data" --innodb-redo-log-capacity=8M --log-error="$fresh/log") ||
        { cat "$fresh/log" >&2; rm -rf "$fresh"; exit 1; }
    rm -f "$fresh/data/auto.cnf" # the identity of one server
    mv -T "$fresh/data" "$template" 2>/dev/null || true
    rm -rf "$fresh"
}

await() {
    local i
    for ((i = 0; i < 3000; i++)); do
        if [ -S "$socket" ] && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then return 0; fi
        kill -0 "$1" 2>/dev/null || break
        sleep 0.02
    done
    tail -n 20 "$dir/server.log" >&2
    return 1
}

start() {
    [ -x "$root/usr/sbin/mysqld" ] || { echo "mysql.sh: no server programs in $root (mysql-fetch.sh brings them)" >&2; exit 1; }
    prepare
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    [ -d "$dir/data" ] || cp -a "$template" "$dir/data"
    socket=$dir/s
    [ ${#dir} -lt 90 ] || socket=${TMPDIR:-/tmp}/wb-mysql-$port # a path over 107 bytes is too long for the kernel
    rm -f "$socket"
    echo "CREATE DATABASE IF NOT EXISTS whimbrel CHARACTER SET utf8mb4;" >"$dir/init.sql"
    (server --datadir="$dir/data" --port="$port" --bind-address=127.0.0.1 --socket="$socket" --mysqlx=OFF \
        --skip-log-bin --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 --innodb-buffer-pool-size=32M \
        --innodb-redo-log-capacity=8M --init-file="$dir/init.sql" --max-connections=120 --log-error="$dir/server.log" \
        ${MYSQL_OPTIONS:-}) >"$dir/out" 2>&1 </dev/null &
    echo $! >"$dir/pid"
    await "$(cat "$dir/pid")" || { stop; exit 1; }
    echo "mysql://root@127.0.0.1:$port/whimbrel"
}

case $action in
start) start ;;
stop) stop ;;
*) sed -n '2,6s/^# //p' "$0" >&2; exit 2 ;;
esac
