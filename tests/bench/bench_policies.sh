#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
#
# The comparison of policies, from profiles to reports:
#
#   tests/bench/bench_policies.sh OUT [DENSITY:STEPS ...]
#
# Profiles come from pairs of the search prompts, settings from their last two, and results from prompts and seeds that
# no constant was chosen on: those of presets/demo/prompts_follow.txt from seed 5000 on. A run that was stopped goes on.
# What the factors need comes first, of all points; where time is up, reports hold the rows that are whole.
# OUT/log says what failed. In the environment:
#
#   TWILL      the program (twill)             DEVICES   the GPUs that processes are spread over (0)
#   MODEL      the model (presets/demo)        PROCESSES how many run at once (4)
#   COMMIT     stands in the reports           SECONDS_ALLOWED  when work is stopped (no end)
#   PROFILES   of each point, 1 to 3 (3)       SETTINGS  how many a row may try (40), and one of an
#                                                        oracle: ORACLE_SETTINGS (12)
#   COUNT      prompts of a row (16)           PROMPTS, SEED  others, for a trial
#   ORACLES    prompts of oracles, which are slow; their reports then stand apart (COUNT; 0: none)
#   ROWS       groups of rows instead of all     THREADS   of a process (0: all that there are)
set -euo pipefail
cd "$(dirname "$0")/../.."
out=$1
shift
points=("$@")
[ ${#points[@]} -gt 0 ] || points=(0.50:4 0.50:8 0.35:20 0.25:20 0.50:20)
twill=${TWILL:-twill}
read -ra devices <<<"${DEVICES:-0}"
model=${MODEL:-presets/demo}
most=${PROFILES:-3} count=${COUNT:-16} oracles=${ORACLES:-${COUNT:-16}}
settings=${SETTINGS:-40} oracle_settings=${ORACLE_SETTINGS:-12}
TWILL_COMMIT=${COMMIT:-$(git describe --always --dirty --exclude='*' 2>/dev/null || true)}
export TWILL_COMMIT
mkdir -p "$out/parts"
SECONDS=0

mapfile -t search <presets/demo/prompts_search.txt
tail -n 2 presets/demo/prompts_search.txt >"$out/tuning.txt"

# A task is a line of words that a shell would read; each is given to the function that its first word names.
running=0 begun=0
spread() {
  local task
  while read -r task; do
    if [ "$running" -ge "${PROCESSES:-4}" ]; then
      wait -n || true
      running=$((running - 1))
    fi
    [ -z "${SECONDS_ALLOWED:-}" ] || [ "$SECONDS" -lt "$SECONDS_ALLOWED" ] || break
    # shellcheck disable=SC2086
    (
      export CUDA_VISIBLE_DEVICES=${devices[begun % ${#devices[@]}]}
      began=$SECONDS err=$out/parts/$BASHPID.err
      if $task >/dev/null 2>"$err"; then
        echo "$SECONDS s: $task took $((SECONDS - began)) s" >>"$out/log"
      else
        echo "$SECONDS s: $task failed: $(tail -c 500 "$err")" >>"$out/log"
      fi
      rm -f "$err"
    ) &
    running=$((running + 1)) begun=$((begun + 1))
  done
}

all_done() {
  wait
  running=0
}

# Ctrl-C to the program once time is up: what it has kept stays kept.
run_twill() {
  if [ -n "${SECONDS_ALLOWED:-}" ]; then
    local left=$((SECONDS_ALLOWED - SECONDS))
    timeout --signal=INT --kill-after=30 "$((left > 1 ? left : 1))" "$twill" --quiet "$@" --threads "${THREADS:-0}"
  else
    "$twill" --quiet "$@" --threads "${THREADS:-0}"
  fi
}

profile() { # pair, steps, name, more words
  local pair=$1 steps=$2 name=$3
  shift 3
  [ -e "$out/$name.json" ] || run_twill search --model "$model" --prompt "${search[2 * pair]}" \
    --prompt "${search[2 * pair + 1]}" --seed $((100 * pair)) --steps "$steps" "$@" --map-size 0 --out "$out/$name.json"
}

compare() { # density, steps, first profile, how many, prompts, settings, report, more words
  local density=$1 steps=$2 first=$3 many=$4 prompts=$5 settings=$6 report=$7 pair words=()
  shift 7
  for ((pair = first; pair < first + many; ++pair)); do
    words+=(--profile "$out/${steps}_$pair.json" --fed-profile "$out/${density}_${steps}_fed_$pair.json")
  done
  run_twill bench policies --model "$model" "${words[@]}" --tuning-prompts "$out/tuning.txt" --tuning-seed 700 \
    --prompts "${PROMPTS:-presets/demo/prompts_follow.txt}" --count "$prompts" --seed "${SEED:-5000}" \
    --settings "$settings" --steps "$steps" --density "$density" --work "$out/work" --out "$report" "$@"
}

for point in "${points[@]}"; do
  for ((pair = 0; pair < most; ++pair)); do
    density=${point%:*} steps=${point#*:}
    # Of the same steps whatever the density is.
    echo "profile $pair $steps ${steps}_$pair"
  done
done | sort -u >"$out/tasks"
for point in "${points[@]}"; do
  for ((pair = 0; pair < most; ++pair)); do
    density=${point%:*} steps=${point#*:}
    echo "profile $pair $steps ${density}_${steps}_fed_$pair --density $density --strategy paper_greedy" \
      "--segments $steps --sparse-trajectory"
  done
done >>"$out/tasks"
spread <"$out/tasks"
all_done

# The solver's clips are shared by all rows: each profile's alone, then everything else at once.
for ((pair = 0; pair < most; ++pair)); do
  for point in "${points[@]}"; do
    density=${point%:*} steps=${point#*:}
    echo "compare $density $steps $pair 1 $count $settings $out/parts/${density}_${steps}_solver_$pair.json --rows published.radial"
  done
done >"$out/tasks"
spread <"$out/tasks"
all_done

# A name stands for all that begin with it and a dot too: "….step" for "….step.fed".
paper=paper_greedy
groups=($paper.gain_and_time.step $paper.relative.step solver.one,solver.relative,solver.fed $paper.gain.step
  $paper.gain_and_time.one svg.relative,sta.relative radial.relative,single_pattern.relative published
  $paper.mean_square.step)
later=(svg.gain_and_time,sta.gain_and_time radial.gain_and_time,single_pattern.gain_and_time
  solver.step,solver.gain,solver.mean_square
  $paper.relative.one $paper.gain.one $paper.mean_square.one)
oracle_groups=(oracle.error.own_order oracle.error.raster oracle.mass.own_order oracle.mass.raster)
if [ -n "${ROWS:-}" ]; then
  read -ra groups <<<"$ROWS"
  later=() oracle_groups=()
fi
[ "$oracles" -gt 0 ] || oracle_groups=()
tasks_of() { # prompts, settings, groups
  local prompts=$1 settings=$2 group point
  shift 2
  for group in "$@"; do
    for point in "${points[@]}"; do
      echo "compare ${point%:*} ${point#*:} 0 $most $prompts $settings $out/parts/${point%:*}_${point#*:}_$group.json --rows $group"
    done
  done
}
{
  tasks_of "$count" "$settings" "${groups[@]}"
  tasks_of "$oracles" "$oracle_settings" "${oracle_groups[@]}"
  tasks_of "$count" "$settings" "${later[@]}"
} >"$out/tasks"
spread <"$out/tasks"
all_done

# Nothing is measured any more.
unset SECONDS_ALLOWED
{
  for point in "${points[@]}"; do
    density=${point%:*} steps=${point#*:} rows=()
    name="density_${density}_${steps}_steps"
    if [ "${#oracle_groups[@]}" -eq 0 ] || [ "$oracles/$oracle_settings" != "$count/$settings" ]; then
      rows=(--rows "$(IFS=,; all=("${groups[@]}" "${later[@]}"); echo "${all[*]}")")
    fi
    echo "compare $density $steps 0 $most $count $settings $out/$name.json --kept ${rows[*]}"
    if [ "${#oracle_groups[@]}" -gt 0 ] && [ "$oracles/$oracle_settings" != "$count/$settings" ]; then
      echo "compare $density $steps 0 $most $oracles $oracle_settings $out/${name}_oracles.json --kept --rows oracle"
    fi
  done
} >"$out/tasks"
spread <"$out/tasks"
all_done
# Profiles are kept with the reports.
for point in "${points[@]}"; do
  for ((pair = 0; pair < most; ++pair)); do
    steps=${point#*:}
    [ ! -e "$out/${steps}_$pair.json" ] || xz --force --keep -9 "$out/${steps}_$pair.json"
  done
done
rm -rf "$out/tasks" "$out/parts"
