# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Results of tests/bench/bench_presets.py: what was timed, and whether it was this plan."""

import hashlib
import json
from pathlib import Path

RESULTS = Path(__file__).resolve().parents[2] / "tests" / "bench" / "results" / "presets.json"


def heads_digest(text: str) -> str:
    """Of what decides the speed: shape, patterns and segments of a plan."""
    plan = json.loads(text)
    decisive = {key: plan[key] for key in ("model", "patterns", "segments")}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]


def result_of(results: dict, name: str, digest: str) -> dict | None:
    """The timing of a preset, if what was timed is what it holds now."""
    timed = results.get("presets", {}).get(name)
    return timed if timed is not None and timed["heads"] == digest else None


def read_results() -> dict:
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}


def layers_timed(timed: dict) -> str:
    """Layers whose heads have the same patterns are one kind and take the same time."""
    kinds, run = timed["kinds_of_layers"], timed["kinds_timed"]
    return "all" if run == kinds else f"{run} of {kinds} kinds"


def interpolation(timed: dict) -> str:
    if timed["kinds_timed"] == timed["kinds_of_layers"]:
        return ""
    return f" ({layers_timed(timed)} of layers were timed, the others are interpolated by their cells)"


def sentence(results: dict, timed: dict | None) -> str:
    if timed is None:
        return "speed not measured yet (tests/bench/bench_presets.py measures it)"
    run = results["run"]
    return (
        "attention of a step, all layers, random q, k, v in bf16 at the setting: "
        f"dense {timed['dense_step_ms']:.1f} ms ({timed['best_dense']}), by this plan "
        f"{timed['plan_step_ms']:.1f} ms as the mean over the steps: "
        f"{timed['speedup']:.2f}x{interpolation(timed)}; {run['device']}; {run['command']}"
    )
