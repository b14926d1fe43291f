#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0

# Makes the pictures of the README anew, after installer/demo.sh: six prompts animated, heads, the two clips and the top of
# the report from out/demo. Needs Chromium and ffmpeg for the report. The app shows the clips when it opens.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
demo=$root/out/demo
pictures=$root/presets/demo/pictures

mkdir -p "$pictures"
for file in heads.png side_by_side.png dense.mp4 sparse.mp4 report.html; do
  [ -s "$demo/$file" ] || {
    printf '%s is missing: run installer/demo.sh first.\n' "$demo/$file" >&2
    exit 1
  }
  [ "$file" = report.html ] || cp "$demo/$file" "$pictures/$file"
done

# A browser's picture has many thousand colours; 256 of them do, and take a third of the room.
shot=$(mktemp -d)
trap 'rm -rf "$shot"' EXIT
chromium --headless=new --no-sandbox --disable-gpu --hide-scrollbars --window-size=1240,1440 --user-data-dir="$shot/profile" \
  --screenshot="$shot/report.png" "file://$demo/report.html" 2>"$shot/log" || {
  cat "$shot/log" >&2
  exit 1
}
ffmpeg -hide_banner -loglevel error -y -i "$shot/report.png" \
  -filter_complex 'split[a][b];[a]palettegen=max_colors=256[p];[b][p]paletteuse=dither=none' "$pictures/report.png"
"$root/build/release/core/cli/twill" generate --model "$root/presets/demo" --prompts "$root/presets/demo/prompts_test.txt" \
  --count 6 --seed 1000 --out "$pictures/prompt.webp"
