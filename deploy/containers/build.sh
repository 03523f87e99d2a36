#!/bin/sh
# Builds the images cartrita/queued, worker, q and plugin-base, with docker, podman or buildah, whichever
# is there and works.
#   build.sh [TARGET]...
# BASE=IMAGE       to build on; default: docker.io/library/debian:trixie-slim
# BASE=debootstrap a Debian 13 made here, for where no registry of images is in reach (buildah, as root)
# TAG=NAME         default: latest
# STORAGE=DIR      where buildah keeps its images, instead of its own place
set -eu
cd "$(dirname "$0")/../.."
tag=${TAG:-latest}
base=${BASE:-docker.io/library/debian:trixie-slim}
EXIT_NO_DEBIAN=3
[ $# -gt 0 ] || set -- queued worker q plugin-base

if command -v docker >/dev/null && docker info >/dev/null 2>&1; then
    tool=docker
elif command -v podman >/dev/null; then
    tool=podman
elif command -v buildah >/dev/null; then
    tool=buildah
else
    echo "build.sh: no docker that runs, no podman and no buildah here" >&2
    exit 1
fi
[ "$base" != debootstrap ] || tool=buildah

in_buildah() {
    if [ -n "${STORAGE:-}" ]; then
        buildah --root "$STORAGE/root" --runroot "$STORAGE/run" --storage-driver "${DRIVER:-overlay}" "$@"
    else
        buildah "$@"
    fi
}

# What the images do not need is not in the slim image either.
make_base() {
    base=localhost/cartrita/debian:trixie-slim
    # Made anew it would be another, and nothing that was built on it before would be found.
    ! in_buildah inspect --type image "$base" >/dev/null 2>&1 || return 0
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
    debootstrap --variant=minbase trixie "$root" >"$root.log" 2>&1 || {
        tail -n 20 "$root.log" >&2
        rm -f "$root.log"
        echo "build.sh: debootstrap could make no Debian 13; is a mirror in reach?" >&2
        exit "$EXIT_NO_DEBIAN"
    }
    rm -rf "$root.log" "$root"/var/cache/apt/*.bin "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* \
        "$root"/usr/share/doc/* "$root"/usr/share/man/* "$root"/usr/share/locale/* "$root"/usr/share/info/*
    container=$(in_buildah from scratch)
    in_buildah add -q "$container" "$root" / >/dev/null
    in_buildah commit -q --rm "$container" "$base" >/dev/null
}
[ "$base" != debootstrap ] || make_base

for target in "$@"; do
    case $tool in
    docker | podman)
        "$tool" build --build-arg "BASE=$base" --target "$target" -t "cartrita/$target:$tag" -f deploy/containers/Containerfile .
        ;;
    buildah)
        # Layers are kept: the second target finds what the first has built. Docker's format knows health checks.
        in_buildah bud -q --layers --format docker --isolation "${ISOLATION:-chroot}" --build-arg "BASE=$base" --target "$target" \
            -t "cartrita/$target:$tag" -f deploy/containers/Containerfile .
        ;;
    esac
done
