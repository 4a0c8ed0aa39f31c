#!/bin/sh
set -e
if [ "${1#-}" != "$1" ] || [ "${1%.conf}" != "$1" ]; then set -- valkey-server "$@"; fi
if [ "$1" = valkey-server ] && [ "$(id -u)" = 0 ]; then
  chown valkey:valkey .
  exec setpriv --reuid=valkey --regid=valkey --clear-groups -- "$@"
fi
exec "$@"
