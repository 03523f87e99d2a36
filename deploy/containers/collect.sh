#!/bin/sh
# Lays out what the images hold, and says which Debian packages it needs at run time: those that own
# the libraries that it was linked with. Run by Containerfile, in the image that built it.
#   collect.sh BUILD OUT
set -eu
build=$1
out=$2

# What is found while running, and so is no library that is linked.
LOADED_worker="plplot-driver-cairo fonts-dejavu-core tzdata ca-certificates"
LOADED_queued="tzdata ca-certificates"
LOADED_q="tzdata ca-certificates"

# Packages of the libraries that FILE... name themselves; apt finds what those need.
packages_of() {
    for name in $(readelf -d "$@" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u); do
        path=$(ldconfig -p | awk -v name="$name" '$1 == name { print $NF; exit }')
        [ -n "$path" ] || { echo "collect: nothing here has $name" >&2; exit 1; }
        # Debian 13 lists files below /usr, wherever the loader found them.
        dpkg -S "$(realpath "$path")" | sed 's/:.*//'
    done | sort -u
}

mkdir -p "$out/bin/plugins"
for name in cartrita-queued cartrita-worker cartrita-q; do
    strip -o "$out/bin/$name" "$build/$name"
done
for plugin in "$build"/plugins/*.so; do
    strip --strip-debug -o "$out/bin/plugins/${plugin##*/}" "$plugin"
done
packages_of "$out/bin/cartrita-q" >"$out/q.packages"
packages_of "$out/bin/cartrita-queued" "$out/bin/cartrita-q" >"$out/queued.packages"
packages_of "$out/bin/cartrita-worker" "$out/bin/cartrita-queued" "$out"/bin/plugins/*.so >"$out/worker.packages"
for image in q queued worker; do
    eval "printf '%s\n' \$LOADED_$image" >>"$out/$image.packages"
    sort -u -o "$out/$image.packages" "$out/$image.packages"
done
