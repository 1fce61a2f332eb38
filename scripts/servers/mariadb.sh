#!/bin/bash
# mariadb.sh start VERSION PORT DIR   start a throw-away MariaDB on 127.0.0.1:PORT, data in DIR, and print its URL
# mariadb.sh stop  VERSION PORT DIR   stop it by its process id and remove DIR
# VERSION 10.11 is Debian's (mariadb-server-core). An initialised data folder is kept in the cache and copied, since
# making one takes seconds. Nothing is flushed to disk: the server is for tests alone. The user is root, without a
# password, over TCP. More settings: MARIADB_OPTIONS="--performance-schema=1".
set -eu
. "$(dirname "$0")/common.sh"
small="--innodb-log-file-size=4M --innodb-data-file-path=ibdata1:4M:autoextend"

server() { exec mariadbd --no-defaults --user="$(id -un)" $small "$@"; }

# A data folder that can be copied; two that make it at once do not disturb each other.
prepare() {
    local full fresh
    full=$(mariadbd --version | sed -n 's/.*Ver \([0-9.]*\).*/\1/p')
    case $full in "$version".*) ;; *)
        echo "mariadb.sh: MariaDB $version is not installed, but $full" >&2
        exit 1
        ;;
    esac
    template=$cache/mariadb/data-$full
    [ ! -d "$template/mysql" ] || return 0
    mkdir -p "$cache/mariadb"
    fresh=$(mktemp -d "$cache/mariadb/new-XXXXXX")
    mariadb-install-db --no-defaults --user="$(id -un)" --datadir="$fresh/data" \
        --auth-root-authentication-method=normal --skip-test-db $small >"$fresh/log" 2>&1 ||
        { cat "$fresh/log" >&2; rm -rf "$fresh"; exit 1; }
    mv -T "$fresh/data" "$template" 2>/dev/null || true
    rm -rf "$fresh"
}

start() {
    command -v mariadbd >/dev/null || { echo "mariadb.sh: mariadbd is missing (apt install mariadb-server)" >&2; exit 1; }
    prepare
    start_copy mariadb "$template" --innodb-buffer-pool-size=16M --innodb-flush-method=nosync --key-buffer-size=1M \
        --aria-pagecache-buffer-size=1M --skip-name-resolve ${MARIADB_OPTIONS:-}
}

stop() { stop_copy; }

run "$@"
