#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0

# Pictures of every page of Twill Studio for gui/README.md, light and dark, from a real window in Xvfb.
#
#   bash tests/gui/make_pictures.sh [BUILD]      default build/ci; needs xvfb and webp
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${1:-$root/build/ci}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

TWILL_PRESETS="$root/presets" XDG_DATA_HOME=/tmp/twill xvfb-run --auto-servernum --server-args "-screen 0 1400x900x24" \
  "$build/tests/gui/make_pictures" "$root/presets/demo/plan.json" "$scratch"
mkdir -p "$root/gui/pictures"
for picture in "$scratch"/*.png; do
  cwebp -quiet -q 80 "$picture" -o "$root/gui/pictures/$(basename "$picture" .png).webp"
done
