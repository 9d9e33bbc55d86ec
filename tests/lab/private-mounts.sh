#!/bin/sh
# Runs a test program in a mount namespace of its own: what it mounts nobody else sees, and ends with it.
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
exec unshare --mount --propagation private "$@"
