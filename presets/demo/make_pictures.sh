#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0

# Makes the pictures of the README anew, after installer/demo.sh: six prompts animated, heads and the two clips from out/demo.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
demo=$root/out/demo
pictures=$root/presets/demo/pictures

mkdir -p "$pictures"
for file in heads.png side_by_side.png; do
  [ -s "$demo/$file" ] || {
    printf '%s is missing: run installer/demo.sh first.\n' "$demo/$file" >&2
    exit 1
  }
  cp "$demo/$file" "$pictures/$file"
done
"$root/build/release/core/cli/twill" generate --model "$root/presets/demo" --prompts "$root/presets/demo/prompts_test.txt" \
  --count 6 --seed 1000 --out "$pictures/prompt.webp"
