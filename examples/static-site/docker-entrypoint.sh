#!/bin/sh
# Runs the scripts of docker-entrypoint.d in order, then what the container was started for, as the same process.
set -e
for script in /docker-entrypoint.d/*.sh; do
  "$script"
done
exec "$@"
