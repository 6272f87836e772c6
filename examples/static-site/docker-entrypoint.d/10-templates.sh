#!/bin/sh
# Fills templates in from the environment.
set -eu
sed -e "s/@SERVER_NAME@/$SERVER_NAME/" -e "s/@PORT@/$PORT/" /etc/web/templates/site.conf.template > /tmp/site.conf
cat /tmp/site.conf
