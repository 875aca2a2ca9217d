#!/bin/sh
# Installs what is missing of the Debian packages that a task needs: setup.sh build | test | check
#   build  compiler and libraries      test  also what `make test` runs      check  also the linters and valgrind
set -eu

packages="gcc make pkg-config libjsmn-dev libpcre2-dev libutf8proc-dev libjansson-dev"
test_packages="g++ clang libomp-dev libcmocka-dev python3 python3-pytest python3-jsonschema binutils"
check_packages="python3-venv clang-format clang-tidy cppcheck valgrind"

case "${1:-}" in
build) ;;
test) packages="$packages $test_packages" ;;
check) packages="$packages $test_packages $check_packages" ;;
*) echo "usage: setup.sh build|test|check" >&2; exit 1 ;;
esac

missing=
for package in $packages; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "installing:$missing"
as_root=
if [ "$(id -u)" -ne 0 ]; then
    as_root=sudo
    command -v sudo >/dev/null || { echo "setup.sh: not root and no sudo; install these packages:$missing" >&2; exit 1; }
fi
$as_root apt-get update -qq
# shellcheck disable=SC2086 # a list of names
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
