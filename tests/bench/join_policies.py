# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Joins reports of `twill bench policies` of one point whose rows were measured in several runs.

    python tests/bench/join_policies.py REPORT... --command "what made them" --out joined.json

Clips are the same from run to run, so rows of the same profiles, prompts and seeds may be joined. Of a row that stands
in several reports the one is taken whose settings ended inside, then the one that might try more. Sums and intervals
are made anew from the clips, as core/report/src/policies_sums.cpp makes them; of rows that no joining changes they have
to come out as the report has them.
"""

import argparse
import functools
import json
import sys
from pathlib import Path

import numpy as np
import run_facts

DRAWS = 10_000
SEED = 1
DECIMALS = 5
SOLVER = "solver"
# What reports have to agree in; the settings are those that a row might try.
SAME = ("density", "segments", "profiles", "model", "device", "dtype", "torch", "sampler", "shift", "steps", "width")
SAME += ("height", "frames", "seed", "prompts", "tuning_seed", "tuning_prompts", "interval")


def mt19937_64(seed: int, count: int) -> np.ndarray:
    """The first values of std::mt19937_64 (C++ standard, [rand.predef]): [count] uint64."""
    size, middle, top, low = 312, 156, 0xFFFFFFFF80000000, 0x7FFFFFFF
    state = [seed]
    for i in range(1, size):
        state.append((6364136223846793005 * (state[-1] ^ (state[-1] >> 62)) + i) & 0xFFFFFFFFFFFFFFFF)
    values = []
    while len(values) < count:
        for i in range(size):
            mixed = (state[i] & top) | (state[(i + 1) % size] & low)
            state[i] = state[(i + middle) % size] ^ (mixed >> 1) ^ (0xB5026F5AA96619E9 if mixed & 1 else 0)
        values += state
    value = np.array(values[:count], dtype=np.uint64)
    value ^= (value >> np.uint64(29)) & np.uint64(0x5555555555555555)
    value ^= (value << np.uint64(17)) & np.uint64(0x71D67FFFEDA60000)
    value ^= (value << np.uint64(37)) & np.uint64(0xFFF7EEE000000000)
    return value ^ (value >> np.uint64(43))


@functools.cache
def draws(profiles: int, prompts: int) -> tuple[np.ndarray, np.ndarray]:
    """Which profiles [DRAWS, profiles] and which prompts [DRAWS, prompts] are drawn; one of one needs no draw."""
    of_profiles, of_prompts = profiles if profiles > 1 else 0, prompts if prompts > 1 else 0
    drawn = mt19937_64(SEED, DRAWS * (of_profiles + of_prompts)).reshape(DRAWS, -1).astype(object)
    first, second = drawn[:, :of_profiles] % profiles, drawn[:, of_profiles:] % prompts
    return (
        first.astype(int) if of_profiles else np.zeros((DRAWS, 1), int),
        second.astype(int) if of_prompts else np.zeros((DRAWS, 1), int),
    )


def crossed_interval(differences: np.ndarray) -> list[float]:
    """95 % interval of the mean of differences [profiles, prompts]; see twill/report/statistics.h."""
    profiles, prompts = draws(*differences.shape)
    means = np.sort(differences[profiles[:, None, :], prompts[:, :, None]].mean(axis=(1, 2)))
    return [float(means[DRAWS * 25 // 1000]), float(means[DRAWS * 975 // 1000 - 1])]


def clips_of(row: dict) -> np.ndarray:
    """PSNR in dB, [profiles, prompts]."""
    return np.array([run["psnr_db"] for run in row["profiles"]])


def is_whole(row: dict) -> bool:
    return bool(row.get("profiles")) and all(run.get("psnr_db") for run in row["profiles"])


def with_sums(row: dict, solver: dict) -> dict:
    clips = clips_of(row)
    beside = np.array(
        [
            run["solver_there"]["psnr_db"] if "solver_there" in run else of_solver["psnr_db"]
            for run, of_solver in zip(row["profiles"], solver["profiles"], strict=True)
        ]
    )
    return {
        **row,
        "psnr_db": float(clips.mean()),
        "psnr_db_worst": float(clips.min()),
        "behind_solver_db": float((beside - clips).mean()),
        "behind_solver_db_95": crossed_interval(beside - clips),
    }


def contrast(names: dict, rows: dict) -> dict:
    brings = clips_of(rows[names["row"]]) - clips_of(rows[names["than"]])
    return {
        **{key: names[key] for key in ("factor", "row", "than")},
        "brings_db": float(brings.mean()),
        "brings_db_95": crossed_interval(brings),
    }


def quality_of(row: dict, settings: int) -> tuple[bool, int]:
    """Rows compare by it: whose settings ended inside, then how many it might try."""
    return all(run.get("tuning", {}).get("inside", True) for run in row.get("profiles", [])), settings


def joined(reports: list[dict]) -> dict:
    first = reports[0]
    for other in reports[1:]:
        for key in SAME:
            if other[key] != first[key]:
                raise ValueError(f"{key} is {other[key]} in one report and {first[key]} in another")
    best: dict[str, tuple[tuple[bool, int], dict]] = {}
    for report in reports:
        for row in report["policies"]:
            quality = quality_of(row, report["settings"])
            if row["policy"] not in best or quality > best[row["policy"]][0]:
                best[row["policy"]] = quality, row
    solver = best[SOLVER][1]
    rows = {
        name: with_sums(row, solver) if is_whole(row) else row
        for name, (_, row) in sorted(best.items(), key=lambda item: item[0] != SOLVER)
    }
    factors = {one["factor"]: one for report in reports for one in report["contrasts"]}
    return {
        **first,
        "settings": max(report["settings"] for report in reports),
        "contrasts": [contrast(one, rows) for one in factors.values()],
        "policies": list(rows.values()),
    }


def rounded(value: object) -> object:
    """Floats to the DECIMALS that a reader could want."""
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return round(value, DECIMALS) if isinstance(value, float) else value


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reports", nargs="+", type=Path)
    parser.add_argument("--command", required=True, help="what the clips were made with")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    report = joined([json.loads(path.read_text(encoding="utf-8")) for path in arguments.reports])
    of_rows = "of each row and profile, in `policies`"
    run = {
        "command": arguments.command,
        "device": report["device"],
        **{key: report["run"][key] for key in ("driver", "commit", "date") if key in report["run"]},
        "versions": {"torch": report["torch"], "twill": report["twill"]},
        "code": run_facts.code_sha256(tuple(run_facts.read_index()["policies"]["code"])),
        run_facts.OF_A_PROFILE: report["profiles"],
        **dict.fromkeys(run_facts.OF_A_RULE, of_rows),
        "not_known": [],
    }
    run_facts.write(arguments.out, rounded({**report, "run": run}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
