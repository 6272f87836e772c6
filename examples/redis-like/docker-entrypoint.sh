#!/bin/sh
set -e

# `run image --flag` means the server with that flag.
if [ "${1#-}" != "$1" ]; then
  set -- store-server "$@"
fi

# Started as root, the server gives root up; the data folder may have come from the host, with any owner.
if [ "$1" = store-server ] && [ "$(id -u)" = 0 ]; then
  find . ! -user store -exec chown store '{}' +
  exec setpriv --reuid=store --regid=store --clear-groups -- "$@"
fi

exec "$@"
