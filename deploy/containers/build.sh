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
    root=$(mktemp -d)
    # The container is of the store; the root is ours, and gone when it is in the image.
    trap 'rm -rf "$root"' EXIT
    debootstrap --variant=minbase trixie "$root" >"$root.log" 2>&1 || { tail -n 20 "$root.log" >&2; exit 1; }
    rm -rf "$root.log" "$root"/var/cache/apt/*.bin "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* \
        "$root"/usr/share/doc/* "$root"/usr/share/man/* "$root"/usr/share/locale/* "$root"/usr/share/info/*
    container=$(in_buildah from scratch)
    in_buildah add -q "$container" "$root" / >/dev/null
    in_buildah commit -q --rm "$container" localhost/cartrita/debian:trixie-slim >/dev/null
    base=localhost/cartrita/debian:trixie-slim
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
