# common.sh - what the scripts of this folder share; they source it. It sets `cache`, where servers that were fetched
# and data folders that can be copied are kept: WHIMBREL_CACHE, else a folder of the user; as root one that other users
# can read, since servers drop root.
cache=${WHIMBREL_CACHE:-$HOME/.cache/whimbrel}
[ "$(id -u)" != 0 ] || cache=${WHIMBREL_CACHE:-/var/cache/whimbrel}

usage() { # the comment at the head of the script
    sed -n '2,${/^#/!q;s/^# //p}' "$0" >&2
    exit 2
}

# run ACTION VERSION PORT DIR: calls start or stop of the script, which find version, port and dir.
run() {
    [ $# = 4 ] || usage
    version=$2 port=$3 dir=$4
    case $1 in
    start | stop) "$1" ;;
    *) usage ;;
    esac
}

# throw_away SIGNAL PID: ends a server, if there is one, and removes its data.
throw_away() {
    local i
    if [ -n "$2" ] && kill "-$1" "$2" 2>/dev/null; then
        for ((i = 0; i < 100; i++)); do
            kill -0 "$2" 2>/dev/null || break
            sleep 0.05
        done
    fi
    rm -rf "$dir"
}

make_dir() { # dir is an absolute path from now on
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
}

# ---- MariaDB and MySQL ----

stop_copy() { throw_away KILL "$(cat "$dir/pid" 2>/dev/null || true)"; }

# start_copy NAME TEMPLATE [OPTION]...: starts the function `server` of the script on a copy of TEMPLATE. Nothing is
# flushed to disk: the server is for tests alone.
start_copy() {
    local name=$1 template=$2 socket pid i
    shift 2
    make_dir
    if [ -f "$dir/pid" ] && kill -0 "$(cat "$dir/pid")" 2>/dev/null; then
        echo "$name: a server runs in $dir already" >&2
        exit 1
    fi
    mkdir -p "$dir/tmp" # a server that starts removes the temporary tables that it finds, also those of another one
    [ -d "$dir/data" ] || cp -a "$template" "$dir/data"
    socket=$dir/s
    [ ${#dir} -lt 90 ] || socket=${TMPDIR:-/tmp}/wb-$name-$port # a path over 107 bytes is too long for the kernel
    rm -f "$socket"
    echo "CREATE DATABASE IF NOT EXISTS whimbrel CHARACTER SET utf8mb4;" >"$dir/init.sql"
    (server --datadir="$dir/data" --tmpdir="$dir/tmp" --port="$port" --bind-address=127.0.0.1 --socket="$socket" --skip-log-bin \
        --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 --init-file="$dir/init.sql" --max-connections=120 \
        --log-error="$dir/server.log" "$@") >"$dir/out" 2>&1 </dev/null &
    pid=$!
    echo $pid >"$dir/pid"
    for ((i = 0; i < 3000; i++)); do
        if [ -S "$socket" ] && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$name://root@127.0.0.1:$port/whimbrel"
            return 0
        fi
        kill -0 $pid 2>/dev/null || break
        sleep 0.02
    done
    tail -n 20 "$dir/server.log" >&2
    stop_copy
    exit 1
}
