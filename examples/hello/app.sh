#!/bin/sh
echo "Hello, $(cat name.txt)!"
