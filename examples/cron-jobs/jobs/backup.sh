#!/bin/sh
echo "backup by ${0##*/}"
