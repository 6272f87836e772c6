# Usage: collect.sh ROOT PROGRAM…: copies programs, the libraries they load and the loader itself, where they will be looked for.
set -eu
root=$1
shift
mkdir -p "$root/usr/bin" "$root/usr/lib/x86_64-linux-gnu" "$root/usr/lib64"
ln -s usr/lib "$root/lib"
ln -s usr/lib64 "$root/lib64"
for program in "$@"; do
  cp -p "$program" "$root/usr/bin/"
  for library in $(ldd "$program" | awk '$2 == "=>" { print $3 }'); do
    cp -Lp "$library" "$root/usr/lib/x86_64-linux-gnu/"
  done
done
cp -Lp /lib64/ld-linux-x86-64.so.2 "$root/usr/lib64/"
