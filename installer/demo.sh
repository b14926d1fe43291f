#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0

# From a bare machine to a searched plan: installs what is missing, builds the command line, profiles the heads of the demo
# model, solves for a plan, makes the same clips dense and sparse from the same noise, and measures both.
# Writes out/demo/{dense,sparse}.mp4, side_by_side.png, worst.png, heads.png, plan.json, report.json and report.html.
# TWILL_DEMO_PROMPTS=16 measures all prompts of presets/demo/prompts_test.txt instead of the first four.
# Safe to run again: finished work is kept in out/demo/work, and an interrupted run goes on where it stopped.
set -euo pipefail
# shellcheck source=installer/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

out=$TWILL_ROOT/out/demo
model=$TWILL_ROOT/presets/demo
twill=$TWILL_ROOT/build/release/core/cli/twill

search_plan() {
  "$twill" search --model "$model" --prompts "$model/prompts_search.txt" --count 2 \
    --out "$out/plan.json" --work "$work"
}

# Every prompt is timed: dense, sparse, and the loop alone with our own dense kernel, in turns.
evaluate_plan() {
  "$twill" evaluate --model "$model" --prompts "$model/prompts_test.txt" --count "${TWILL_DEMO_PROMPTS:-4}" \
    --plan "$out/plan.json" \
    --out "$out/report.json" --save-clips "$out" --work "$work" | tee "$work/table.txt"
}

write_report() {
  "$twill" report "$out/plan.json" "$out/report.json" --clips "$out" --out "$out/report.html"
}

stage "system packages" install_system_packages
stage "Python packages" install_python_packages installer/requirements.txt
stage "configure (release)" configure release >/dev/null
stage "build (release)" build release --target twill
work=$out/work
mkdir -p "$work"
stage "search: profile the heads, solve for a plan" search_plan
stage "evaluate: dense and sparse clips from the same noise" evaluate_plan
stage "report: one page with all of it" write_report

print_times
say "Results in $out:"
for file in dense.mp4 sparse.mp4 side_by_side.png worst.png heads.png plan.json report.json report.html; do
  [ -s "$out/$file" ] || die "$out/$file was not written."
  say "  $file"
done
