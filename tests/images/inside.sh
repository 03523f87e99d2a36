#!/bin/sh
# Runs a program in the root folder of an image as a hardened container would: as user 8619, on a root that
# cannot be written to, with a /tmp and a /run/cartrita of its own, no environment but the image's.
# Everything is undone when the program ends: its mounts are its own. Called by the tests, as root.
#   inside.sh ROOT SHARED PATH PROGRAM [ARGUMENT]...     SHARED: a folder that it sees as /srv
set -eu
# shellcheck disable=SC2016 # for the inner shell
exec unshare --mount --propagation private sh -c '
set -eu
root=$1 shared=$2 path=$3
shift 3
mount --bind "$root" "$root"
mount --bind "$shared" "$root/srv"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o uid=8619,gid=8619 tmpfs "$root/run/cartrita"
mount -o remount,bind,ro "$root"
exec chroot "$root" /usr/bin/setpriv --reuid 8619 --regid 8619 --clear-groups --no-new-privs --bounding-set -all /usr/bin/env -i PATH="$path" "$@"
' inside "$@"
