# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Writes every preset and the table of README.md from presets/sources and the results of the benchmark.

PYTHONPATH=build/ci/core/python python presets/make_presets.py [--check]

The same inputs give the same bytes; --check writes nothing and fails if a file is not what would be written.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

PRESETS = Path(__file__).resolve().parent
sys.path.insert(0, str(PRESETS))

from makers import measured, points, radial_table, table  # noqa: E402
from makers.models import MODELS, Model  # noqa: E402
from makers.plans import plan_text, run_density  # noqa: E402

REPLACE = (
    "a search on your own weights finds the shape of each head in minutes and replaces this plan: `twill search`, or "
    "the node Search Plan in ComfyUI"
)
NOT_MEASURED = (
    "quality on the real model: its weights were not at hand; no PSNR, no clip was made with this plan. What others "
    "published was measured with their own kernels and masks"
)
POINTS = {
    "quality": "quality: keeps more keys than the published rule or result that it follows",
    "balanced": "balanced: the published rule or result, as closely as a plan can follow it",
    "fast": "fast: fewer dense steps, as a published result at this density has them",
}


def setting_of(model: Model) -> str:
    layout = model.layout
    text = f"; {model.text}" if model.text else ""
    return f"{model.size}: {layout.frames}x{layout.rows}x{layout.cols} tokens{text}; {model.sampler}" + (
        f"; the first expert down to t {model.boundary:g}" if model.boundary else ""
    )


def make_preset(model: Model, point: str, results: dict) -> tuple[str, str, str]:
    """(path below presets, text of the file, row of the table)"""
    name = f"{model.folder}/{model.prefix}{point}"
    title = f"{model.label}, {point}"
    ranges, sources = points.build(model, point)
    bare = plan_text(model, title, ranges, {})
    density = run_density(model, bare)
    timed = measured.result_of(results, name, measured.heads_digest(bare))
    radial = points.radial_setting(model, point)
    provenance = {
        "source": "made from published figures by presets/make_presets.py; see presets/README.md",
        "point": POINTS[point],
        "setting": setting_of(model),
        "density": f"{density:.4f} of dense attention's cells over all steps of the setting",
        "measured": measured.sentence(results, timed),
        "not_measured": NOT_MEASURED,
        "replace": REPLACE,
        **({"expert_boundary": f"{model.boundary:g}"} if model.boundary else {}),
        **sources,
        **({"source.cells": radial_table.sentence(model, point, radial, density)} if radial else {}),
    }
    text = plan_text(model, title, ranges, provenance)
    return f"{name}.json", text, table.row(model, f"{name}.json", density, timed)


def make_all(results: dict) -> dict[str, str]:
    """Path below presets -> text, README.md with its table included."""
    made, rows, of_radial = {}, [], []
    for model in MODELS:
        for point in points.names_of(model):
            path, text, row = make_preset(model, point, results)
            made[path] = text
            rows.append(row)
            if setting := points.radial_setting(model, point):
                of_radial.append(radial_table.row(model, point, setting, run_density(model, text)))
    readme = (PRESETS / "README.md").read_text(encoding="utf-8")
    readme = table.written_into(readme, table.BEGIN, [*table.HEAD, *rows])
    made["README.md"] = table.written_into(readme, table.RADIAL_BEGIN, [*radial_table.HEAD, *of_radial])
    return made


def write(file: Path, text: str) -> None:
    file.parent.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, delete=False) as temporary:
        temporary.write(text)
    os.chmod(temporary.name, 0o644)
    os.replace(temporary.name, file)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    stale = []
    for path, text in make_all(measured.read_results()).items():
        file = PRESETS / path
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            stale.append(path)
            if not arguments.check:
                write(file, text)
    print("\n".join(stale) if stale else "nothing to write")
    return 1 if arguments.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
