#!/bin/bash
# postgres-fetch.sh MAJOR... - PostgreSQL server programs from Maven Central, unpacked to the cache.
# Needs maven, unzip, xz-utils; no container, no root. They come without the contrib extensions.
set -eu
. "$(dirname "$0")/common.sh"
home=$cache/postgres
declare -A release=([11]=11.22.1 [12]=12.20.0 [13]=13.16.0 [14]=14.13.0 [15]=15.8.0 [16]=16.4.0 [17]=17.0.0 [18]=18.0.0)
machine=amd64
[ "$(uname -m)" != aarch64 ] || machine=arm64v8
artifact=embedded-postgres-binaries-linux-$machine

for major in "$@"; do
    [ ! -x "$home/$major/bin/postgres" ] || continue
    [ -n "${release[$major]:-}" ] || { echo "postgres-fetch: no release is known for PostgreSQL $major" >&2; exit 1; }
    for tool in mvn unzip xz; do
        command -v $tool >/dev/null || { echo "postgres-fetch: $tool is missing (apt install maven unzip xz-utils)" >&2; exit 1; }
    done
    mkdir -p "$home"
    mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
        -Dartifact="io.zonky.test.postgres:$artifact:${release[$major]}:jar" -DoutputDirectory="$home/jars" >&2
    rm -rf "$home/$major.tmp"
    mkdir -p "$home/$major.tmp"
    unzip -p "$home/jars/$artifact-${release[$major]}.jar" '*.txz' | tar xJ -C "$home/$major.tmp"
    mv "$home/$major.tmp" "$home/$major"
    rm -f "$home/jars/$artifact-${release[$major]}.jar"
done
