#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0

# Installs the .deb into an empty Debian 12 made by debootstrap, runs it there, removes it, and looks for what is left.
# Needs root and debootstrap; the new system takes this machine's package sources.
#
#   bash installer/check_deb.sh build/package/twill_0.1.0_amd64.deb FOLDER_FOR_THE_NEW_SYSTEM
set -euo pipefail

[ $# -eq 2 ] || { echo "usage: check_deb.sh FILE.deb FOLDER" >&2; exit 2; }
[ "$(id -u)" -eq 0 ] || { echo "check_deb.sh: needs root, for debootstrap and chroot" >&2; exit 2; }
deb=$(realpath "$1")
root=$2

in_root() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@"; }

if [ ! -x "$root/usr/bin/apt-get" ]; then
  debootstrap --variant=minbase --include=ca-certificates bookworm "$root"
fi
root=$(realpath "$root")
rm -rf "$root/etc/apt/sources.list" "$root/etc/apt/sources.list.d" "$root/etc/apt/apt.conf.d"
for name in sources.list sources.list.d apt.conf.d; do
  [ ! -e "/etc/apt/$name" ] || cp -a "/etc/apt/$name" "$root/etc/apt/"
done
cp /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null || true
for place in proc dev dev/pts; do
  mountpoint -q "$root/$place" || mount --bind "/$place" "$root/$place"
done
trap 'umount "$root/dev/pts" "$root/dev" "$root/proc"' EXIT

files() { in_root find / -xdev \( -path /proc -o -path /dev -o -path /tmp -o -path /var/lib/apt -o -path /var/cache -o -path /var/log \) -prune -o -print | sort; }

in_root apt-get update --quiet=2
cp "$deb" "$root/tmp/twill.deb"
# Its dependencies first, so that what is left over after removal is the package's own doing.
in_root apt-get install --yes --quiet=2 --no-install-recommends $(dpkg-deb -f "$deb" Depends | tr ',' '\n' | sed 's/[(|].*//') >/dev/null
files >"$root/tmp/before"

echo "== install"
in_root apt-get install --yes --quiet=2 --no-install-recommends /tmp/twill.deb
echo "== doctor"
in_root twill doctor
echo "== presets"
for plan in "$root"/usr/share/twill/presets/*/*.json; do
  grep -q '"segments": \[' "$plan" || continue
  in_root twill plan check "${plan#"$root"}"
done
echo "== one short clip"
rm -f "$root/tmp/clip.mp4"
in_root twill generate --prompt "a red ball rolls left over a striped floor" --frames 17 --size 128x128 --steps 4 --out /tmp/clip.mp4
[ -s "$root/tmp/clip.mp4" ] || { echo "check_deb.sh: no clip was written" >&2; exit 1; }
if [ -x "$root/usr/bin/twill-studio" ]; then
  echo "== Twill Studio"
  # What Studio keeps in a home (here that of a crash, as it is ended by force) is the user's and stays there.
  mkdir -p "$root/tmp/home"
  in_root env HOME=/tmp/home QT_QPA_PLATFORM=offscreen twill-studio --version
  in_root env HOME=/tmp/home twill-studio --export /tmp/heads.png /usr/share/twill/presets/demo/plan.json
  [ -s "$root/tmp/heads.png" ] || { echo "check_deb.sh: no picture was exported" >&2; exit 1; }
  status=0
  in_root env HOME=/tmp/home QT_QPA_PLATFORM=offscreen timeout 10 twill-studio /usr/share/twill/presets/hunyuanvideo/balanced.json || status=$?
  [ "$status" -eq 124 ] || { echo "check_deb.sh: twill-studio did not stay open, status $status" >&2; exit 1; }
fi

echo "== remove"
in_root apt-get purge --yes --quiet=2 twill
files >"$root/tmp/after"
if ! diff "$root/tmp/before" "$root/tmp/after"; then
  echo "check_deb.sh: the package left these behind" >&2
  exit 1
fi
echo "The package installs, runs, and leaves nothing behind."
