#!/bin/sh
# Installs what is missing to build, show and test Cartrita on Debian 12 and 13; called by
# `make deps`, `make demo`, `make check` and .ci/run.
#
#   deploy/install-deps.sh build   compiler and libraries
#   deploy/install-deps.sh demo    and Redis, Node and the demo's npm packages
#   deploy/install-deps.sh check   and the test tools and the tests' npm packages (default)
#
# What is there already is left alone: with nothing missing this asks no network and no root, and
# takes a few milliseconds. It starts no service: tests and demo run private Redis servers.
set -eu
cd "$(dirname "$0")/.."

level=${1:-check}
case $level in
build | demo | check) ;;
*)
    echo "usage: deploy/install-deps.sh [build|demo|check]" >&2
    exit 2
    ;;
esac

# One Debian package a word; a|b: the first that this release has.
missing=
want() { missing="$missing $1"; }
has_command() { command -v "$1" >/dev/null 2>&1; }
has_library() { has_command pkg-config && pkg-config --exists "$1"; }

# Charts are drawn by a part that is loaded when it is asked for.
has_plplot_cairo() { ls /usr/lib/*/plplot*/drivers/cairo.so >/dev/null 2>&1; }
# Debian keeps the servers' programs out of PATH.
has_postgresql() { ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || has_command postgres; }

node_major() { node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0; }

look_for_build() {
    has_command gcc || want gcc
    has_command make || want make
    # gcc only recommends the C library's headers.
    [ -e /usr/include/stdio.h ] || want libc6-dev
    has_command pkg-config || want pkg-config
    has_library libuv || want libuv1-dev
    has_library hiredis || want libhiredis-dev
    has_library msgpack-c || has_library msgpack || want 'libmsgpack-c-dev|libmsgpack-dev'
    has_library yaml-0.1 || want libyaml-dev
    has_library jansson || want libjansson-dev
    has_library libseccomp || want libseccomp-dev
    has_library libmicrohttpd || want libmicrohttpd-dev
    has_library gnutls || want libgnutls28-dev
    has_library libcurl || want libcurl4-openssl-dev
    has_library libcrypto || want libssl-dev
    has_library gmime-3.0 || want libgmime-3.0-dev
    has_library vips || want libvips-dev
    has_library libarchive || want libarchive-dev
    has_library libmagic || want libmagic-dev
    has_library libpq || want libpq-dev
    has_library zlib || want zlib1g-dev
    has_library plplot || want libplplot-dev
    has_plplot_cairo || want plplot-driver-cairo
    [ -e /usr/share/fonts/truetype/dejavu ] || want fonts-dejavu-core
    [ -d /usr/share/zoneinfo ] || want tzdata
}

look_for_demo() {
    has_command redis-server || want redis-server
    has_command node || want nodejs
    has_command npm || want npm
    has_postgresql || want postgresql
    [ -e /etc/ssl/certs/ca-certificates.crt ] || want ca-certificates
}

look_for_check() {
    has_command git || want git
    has_library check || want check
    has_command tmux || want tmux
    has_command openssl || want openssl
    has_command groff || want groff-base
    has_command zsh || want zsh
    has_command pgbouncer || want pgbouncer
    has_command nginx || want nginx
    has_command promtool || want prometheus
    # Debian 12 has one that knows nothing of today's kustomize.
    [ "$(. /etc/os-release && echo "${VERSION_ID:-0}")" -lt 13 ] || has_command kubectl || want kubernetes-client
    has_command dh || want debhelper
    has_command dpkg-buildpackage || want build-essential
    has_command docker-compose || want docker-compose
    has_command chromium || want chromium
    has_command buildah || want buildah
    has_command debootstrap || want debootstrap
    has_command fish || want fish
    has_command clang || want clang
    has_command clang-format || want clang-format
    if ! has_command clang || ! ls "$(clang -print-resource-dir)"/lib/*/libclang_rt.fuzzer* >/dev/null 2>&1; then
        want libclang-rt-dev
    fi
}

look_for_build
[ "$level" = build ] || look_for_demo
[ "$level" != check ] || look_for_check

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# Hundreds of lines that nobody reads, unless it fails.
quietly() {
    log=$(mktemp)
    if ! "$@" >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        rm -f "$log"
        echo "deps: this failed: $*" >&2
        exit 1
    fi
    rm -f "$log"
}

install_packages() {
    if ! has_command apt-get; then
        echo "deps: missing:$missing" >&2
        echo "deps: these are Debian's package names and there is no apt-get here; install what they hold" >&2
        echo "deps: by other means, then run this again" >&2
        exit 1
    fi
    if [ "$(id -u)" -ne 0 ] && ! has_command sudo; then
        echo "deps: missing:$missing" >&2
        echo "deps: not root and no sudo here; as root, run: deploy/install-deps.sh $level" >&2
        exit 1
    fi
    echo "deps: installing$missing (on a bare machine this takes some minutes)"
    apt="env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120"
    # shellcheck disable=SC2086 # a command and its arguments
    quietly as_root $apt update
    chosen=
    for package in $missing; do
        pick=
        for candidate in $(echo "$package" | tr '|' ' '); do
            if [ -z "$pick" ] && apt-cache show "$candidate" >/dev/null 2>&1; then
                pick=$candidate
            fi
        done
        if [ -z "$pick" ]; then
            echo "deps: apt knows no package $package; Debian 12 and 13 have it in 'main'" >&2
            exit 1
        fi
        chosen="$chosen $pick"
    done
    hold_services
    # shellcheck disable=SC2086 # words
    quietly as_root $apt install -y --no-install-recommends $chosen
    release_services
}

# A package that brings a service would start it, and at every boot. Neither was asked for.
policy=/usr/sbin/policy-rc.d
has_policy=
hold_services() {
    if [ ! -e "$policy" ]; then
        has_policy=1
        trap release_services EXIT
        trap 'exit 1' INT TERM
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
}
release_services() {
    [ -z "$has_policy" ] || as_root rm -f "$policy"
    has_policy=
    has_command systemctl || return 0
    for service in redis-server postgresql pgbouncer nginx prometheus; do
        case $missing in
        *" $service"*) as_root systemctl disable "$service" >/dev/null 2>&1 || true ;;
        esac
    done
}

[ -z "$missing" ] || install_packages

if [ "$level" != build ] && [ "$(node_major)" -lt 18 ]; then
    echo "deps: node $(node --version 2>/dev/null) is too old, 18 or newer is needed" >&2
    exit 1
fi

# npm packages come from lockfiles, and again only when these have changed.
install_npm() {
    [ -e "$1/package-lock.json" ] || return 0
    if cmp -s "$1/package-lock.json" "$1/node_modules/.installed-lock"; then
        return 0
    fi
    echo "deps: npm packages of $1"
    if ! npm --prefix "$1" ci --no-audit --no-fund --loglevel=error; then
        echo "deps: npm could not install the packages of $1; is its registry in reach?" >&2
        exit 1
    fi
    cp "$1/package-lock.json" "$1/node_modules/.installed-lock"
}
[ "$level" = build ] || install_npm examples
[ "$level" != check ] || install_npm tests
