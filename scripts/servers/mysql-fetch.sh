#!/bin/bash
# mysql-fetch.sh - a real MySQL server: the packages of Debian unstable, unpacked to the cache, the installed system
# untouched. The server runs with the libc that comes along, so it works on Debian 12. Costs 60 MB once; needs apt-get
# and root (for apt's sandbox), an apt source to take the mirror's address from, and the network.
# Unstable moves on: whoever can't fetch gets exit 1 and a reason, and the tests are skipped.
set -eu
. "$(dirname "$0")/common.sh"
home=$cache/mysql
[ ! -x "$home/root/usr/sbin/mysqld" ] || exit 0

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
command -v apt-get >/dev/null && [ -e $keyring ] || { echo "mysql-fetch: this is no Debian: no apt-get or no keyring" >&2; exit 1; }
mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n 1)
[ -n "$mirror" ] || mirror=$(sed -n 's/^deb \(\[.*\] \)\?\(http[^ ]*\) .*/\2/p' /etc/apt/sources.list 2>/dev/null | head -n 1)
[ -n "$mirror" ] || { echo "mysql-fetch: no Debian mirror in the apt sources" >&2; exit 1; }

work=$home.new
rm -rf "$work"
mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/root"
trap 'rm -rf "$work"' EXIT
: >"$work/status"
echo "deb [signed-by=$keyring] $mirror sid main" >"$work/sources.list"
options=(-o APT::Sandbox::User=root -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=-
    -o Dir::State::lists="$work/lists" -o Dir::State::status="$work/status" -o Dir::Cache::archives="$work/archives"
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o Debug::NoLocking=1)
apt-get "${options[@]}" -qq update >&2 &&
    apt-get "${options[@]}" -qq install -y --no-install-recommends --download-only mysql-server-core >&2 ||
    { echo "mysql-fetch: mysql-server-core of Debian unstable could not be fetched" >&2; exit 1; }
for package in "$work"/archives/*.deb; do
    dpkg-deb -x "$package" "$work/root"
done
mkdir -p "$home"
mv -T "$work/root" "$home/root"
