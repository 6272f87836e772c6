#!/bin/sh
# Runs each line of the table; with --once all of them now, which is how the image is tried out.
set -eu
while read -r minute hour job; do
  case $minute in '#'* | '') continue ;; esac
  [ "${1:-}" = --once ] || echo "waiting for $hour:$minute" >&2
  "$JOBS/$job"
  echo "$job" > /var/spool/jobs/last
done < /etc/crontab.jobs
