# shellcheck shell=bash
# all.sh - for scripts that source it: the throw-away servers that tests run on.
# servers_start DIR PORT [KIND...]   start a server of each kind (postgres, mariadb, mysql; without KIND all of them) on PORT,
#                                    PORT + 1 and PORT + 2, with its data in DIR, and export its URL:
#                                    WHIMBREL_TEST_PG_URL, WHIMBREL_TEST_MARIADB_URL, WHIMBREL_TEST_MYSQL_URL
# servers_stop                       stop those that run
# A server that does not start is told to the caller's function `fail TEXT`, and has no URL.
servers_scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
servers_running=()
declare -A servers_version=([postgres]=15 [mariadb]=10.11 [mysql]=9) servers_offset=([postgres]=0 [mariadb]=1 [mysql]=2)
declare -A servers_variable=([postgres]=WHIMBREL_TEST_PG_URL [mariadb]=WHIMBREL_TEST_MARIADB_URL [mysql]=WHIMBREL_TEST_MYSQL_URL)

servers_start() {
    local dir=$1 first=$2 kind url port
    shift 2
    [ $# != 0 ] || set -- postgres mariadb mysql
    for kind; do
        port=$((first + servers_offset[$kind]))
        # MySQL is not part of Debian stable; where it can't be fetched its tests are skipped, and say so.
        if [ "$kind" = mysql ] && ! timeout 300 "$servers_scripts/mysql-fetch.sh"; then
            echo "MySQL ${servers_version[mysql]}: skipped, its server could not be fetched" >&2
        elif url=$("$servers_scripts/$kind.sh" start "${servers_version[$kind]}" "$port" "$dir/$kind"); then
            servers_running+=("$kind ${servers_version[$kind]} $port $dir/$kind")
            export "${servers_variable[$kind]}=$url"
            [ "$kind" != postgres ] || export WHIMBREL_TEST_PG_DIR=$dir/postgres
        else
            fail "start of $kind ${servers_version[$kind]}"
        fi
    done
}

servers_stop() {
    local server kind version port dir
    for server in "${servers_running[@]}"; do
        read -r kind version port dir <<<"$server"
        "$servers_scripts/$kind.sh" stop "$version" "$port" "$dir" || true
    done
    servers_running=()
}
