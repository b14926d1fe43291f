#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
#
# The comparison of policies, from profiles to reports:
#
#   tests/bench/bench_policies.sh OUT [DENSITY:STEPS ...]
#
# Profiles come from three pairs of the search prompts, settings from the other two, and results from prompts and seeds
# that no constant was chosen on: those of presets/demo/prompts_follow.txt from seed 5000 on. A run that was stopped goes
# on. TWILL names the program (default: twill), DEVICES the GPUs that processes are spread over (default: 0), PROCESSES
# how many run at once (default: 4), ROWS what is measured (default: everything), COUNT how many prompts (default: 16),
# PROMPTS and SEED other prompts for a trial, SETTINGS how many settings a row may try (default: 12), MODEL the model
# (default: presets/demo). COMMIT stands in the reports.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=$1
shift
points=("$@")
[ ${#points[@]} -gt 0 ] || points=(0.25:20 0.35:20 0.50:20 0.50:8 0.50:4)
twill=${TWILL:-twill}
read -ra devices <<<"${DEVICES:-0}"
model=${MODEL:-presets/demo}
TWILL_COMMIT=${COMMIT:-$(git describe --always --dirty --exclude='*' 2>/dev/null || true)}
export TWILL_COMMIT
mkdir -p "$out"

mapfile -t search <presets/demo/prompts_search.txt
tail -n 2 presets/demo/prompts_search.txt >"$out/tuning.txt"

profile() { # pair, steps, name, more words
  local pair=$1 steps=$2 name=$3
  shift 3
  [ -e "$out/$name.json" ] || "$twill" --quiet search --model "$model" --prompt "${search[2 * pair]}" \
    --prompt "${search[2 * pair + 1]}" --seed $((100 * pair)) --steps "$steps" "$@" --map-size 0 --out "$out/$name.json"
}

compare() { # density, steps, report, rows
  local rows=()
  [ -z "$4" ] || rows=(--rows "$4")
  "$twill" --quiet bench policies --model "$model" --profile "$out/$2_0.json" --profile "$out/$2_1.json" \
    --profile "$out/$2_2.json" --fed-profile "$out/$1_$2_fed_0.json" --fed-profile "$out/$1_$2_fed_1.json" \
    --fed-profile "$out/$1_$2_fed_2.json" --tuning-prompts "$out/tuning.txt" \
    --prompts "${PROMPTS:-presets/demo/prompts_follow.txt}" --count "${COUNT:-16}" --seed "${SEED:-5000}" \
    --tuning-seed 700 \
    --settings "${SETTINGS:-12}" --steps "$2" --density "$1" "${rows[@]}" --work "$out/work" --out "$3"
}

for point in "${points[@]}"; do
  density=${point%:*} steps=${point#*:}
  for pair in 0 1 2; do
    profile "$pair" "$steps" "${steps}_$pair" --density "$density"
    profile "$pair" "$steps" "${density}_${steps}_fed_$pair" --density "$density" --strategy paper_greedy \
      --segments "$steps" --sparse-trajectory
  done
done

# Rows of one point are measured side by side into one work folder; the last process finds everything there.
if [ -n "${ROWS:-}" ]; then
  read -ra groups <<<"$ROWS"
else
  groups=(solver paper_greedy.relative paper_greedy.mean_square paper_greedy.gain paper_greedy.gain_and_time
    svg,sta,radial,single_pattern published oracle.mass.raster oracle.mass.own_order oracle.error.raster
    oracle.error.own_order)
fi
for point in "${points[@]}"; do
  density=${point%:*} steps=${point#*:}
  name="density_${density}_${steps}_steps"
  # The solver's clips are shared by all: alone first.
  compare "$density" "$steps" "$out/$name.solver.json" published.radial >/dev/null
  running=0
  for i in "${!groups[@]}"; do
    CUDA_VISIBLE_DEVICES=${devices[i % ${#devices[@]}]} compare "$density" "$steps" "$out/$name.part$i.json" \
      "${groups[i]}" >/dev/null &
    running=$((running + 1))
    if [ "$running" -ge "${PROCESSES:-4}" ]; then
      wait -n
      running=$((running - 1))
    fi
  done
  wait
  compare "$density" "$steps" "$out/$name.json" "$(IFS=,; [ -z "${ROWS:-}" ] || echo "${groups[*]}")"
  rm -f "$out/$name.solver.json" "$out/$name".part*.json
done
