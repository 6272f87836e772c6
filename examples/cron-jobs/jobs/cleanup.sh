#!/bin/sh
echo "cleanup: $(find /var/spool/jobs -type f | wc -l) file(s)"
