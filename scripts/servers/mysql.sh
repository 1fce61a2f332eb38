#!/bin/bash
# mysql.sh start VERSION PORT DIR   start a throw-away MySQL on 127.0.0.1:PORT, data in DIR, and print its URL
# mysql.sh stop  VERSION PORT DIR   stop it by its process id and remove DIR
# VERSION 9 is what mysql-fetch.sh brought. An initialised data folder is kept in the cache and copied. Nothing is
# flushed to disk: the server is for tests alone. The user is root, without a password, over TCP.
# More settings: MYSQL_OPTIONS="--performance-schema=OFF".
set -eu
. "$(dirname "$0")/common.sh"
home=$cache/mysql
root=$home/root
libraries=$root/usr/lib/$(uname -m)-linux-gnu

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

start() {
    [ -x "$root/usr/sbin/mysqld" ] || { echo "mysql.sh: no server programs in $root (mysql-fetch.sh brings them)" >&2; exit 1; }
    prepare
    start_copy mysql "$template" --mysqlx=OFF --innodb-buffer-pool-size=32M --innodb-redo-log-capacity=8M ${MYSQL_OPTIONS:-}
}

stop() { stop_copy; }

run "$@"
