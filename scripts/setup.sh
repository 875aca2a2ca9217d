#!/bin/sh
# Installs what is missing of what a task needs: setup.sh build | test | check
#   build  compiler and libraries      test  also what `make test` runs      check  also the linters and valgrind
set -eu
cd "$(dirname "$0")/.."

packages="gcc make pkg-config libjsmn-dev libpcre2-dev libutf8proc-dev libjansson-dev libxml2-dev"
test_packages="g++ clang libomp-dev libcmocka-dev python3 python3-venv python3-pytest python3-jsonschema python3-lxml binutils"
check_packages="clang-format clang-tidy cppcheck valgrind"
# Validators of the output formats; not in Debian.
python_packages="fhir.resources==8.3.0 hl7apy==1.3.5"
test_python=build/test-python

case "${1:-}" in
build) ;;
test) packages="$packages $test_packages" ;;
check) packages="$packages $test_packages $check_packages" ;;
*) echo "usage: setup.sh build|test|check" >&2; exit 1 ;;
esac

install_debian() {
    missing=
    for package in $packages; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    echo "installing:$missing"
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        as_root=sudo
        command -v sudo >/dev/null || { echo "setup.sh: not root and no sudo; install these packages:$missing" >&2; exit 1; }
    fi
    $as_root apt-get update -qq
    # shellcheck disable=SC2086 # a list of names
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

# The interpreter that the Makefile runs pytest with: Debian's, and these.
install_python() {
    ! "$test_python/bin/python" -c 'import pytest, jsonschema, lxml, fhir.resources, hl7apy' 2>/dev/null || return 0
    echo "installing: $python_packages"
    /usr/bin/python3 -m venv --clear --system-site-packages "$test_python"
    # shellcheck disable=SC2086 # a list of names
    "$test_python/bin/pip" install -q --disable-pip-version-check $python_packages ||
        { echo "setup.sh: pip cannot install $python_packages" >&2; exit 1; }
}

install_debian
[ "$1" = build ] || install_python
