#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0

# Pictures of every page of Twill Studio for gui/README.md, light and dark, from a real window in Xvfb.
#
#   bash tests/gui/make_pictures.sh [BUILD]      default build/ci; needs xvfb and webp
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$(cd "${1:-$root/build/ci}" && pwd)
scratch=$(mktemp -d)
work=/tmp/twill-pictures  # pictures show paths
mkdir "$work"
trap 'rm -rf "$scratch" "$work"' EXIT
ln -s "$root/presets" "$work/presets"

(cd "$work" && HOME="$work" XDG_DATA_HOME=/tmp/twill TWILL_PRESETS="$work/presets" \
  xvfb-run --auto-servernum --server-args "-screen 0 1400x1000x24" \
  "$build/tests/gui/make_pictures" "$root/presets/demo/plan.json" "$scratch")
mkdir -p "$root/gui/pictures"
for picture in "$scratch"/*.png; do
  cwebp -quiet -q 80 "$picture" -o "$root/gui/pictures/$(basename "$picture" .png).webp"
done
