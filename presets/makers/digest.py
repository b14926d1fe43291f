# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Published per-head results of others -> the figures that the presets use, presets/sources/*.json.

python presets/makers/digest.py --files FOLDER [--out presets/sources]

FOLDER holds the authors' files; presets/sources/README.md says where they come from and what the figures are.
"""

import argparse
import collections
import csv
import gzip
import hashlib
import json
from pathlib import Path

STA_FILE = "sta_hunyuanvideo_mask_strategy.json.gz"
STA_STEPS = ((15, 20), (20, 30), (30, 40), (40, 50))

# Ranges of steps, 0-based. Of Wan 2.2 the first 12 steps ran the high-noise expert: from step 11 to 12 the figures
# jump by 0.044 a head on average, between its neighbours by 0.002.
SVOO_FILES = {
    "wan2.1-t2v-14b": ("svoo_wan_14B_t2v.csv.gz", ((10, 20), (20, 30), (30, 40), (40, 50))),
    "wan2.2-t2v-a14b": ("svoo_wan22_A14B_t2v.csv.gz", ((4, 12), (12, 22), (22, 32), (32, 40))),
    "hunyuanvideo": ("svoo_hunyuan10_13B_t2v.csv.gz", ((15, 20), (20, 30), (30, 40), (40, 50))),
}


def unpacked(file: Path) -> tuple[str, str]:
    """(text, sha256 of the text)"""
    raw = gzip.decompress(file.read_bytes())
    return raw.decode(), hashlib.sha256(raw).hexdigest()


def name_of(steps: tuple[int, int]) -> str:
    return f"{steps[0]}-{steps[1] - 1}"


def sta_windows(file: Path) -> dict:
    """By range of steps, rows of layers: a head's most frequent window, and all that it has (bit i: window i)."""
    text, digest = unpacked(file)
    plan = json.loads(text)
    windows = sorted({tuple(window) for window in plan.values()})
    index = {window: i for i, window in enumerate(windows)}

    def table(choose, steps: tuple[int, int]) -> list[list[int]]:
        return [
            [choose([tuple(plan[f"{step}_{layer}_{head}"]) for step in range(*steps)]) for head in range(24)]
            for layer in range(60)
        ]

    def most_frequent(seen):
        counts = collections.Counter(seen)
        return index[max(counts, key=lambda window: (counts[window], window))]

    def all_seen(seen):
        return sum(1 << index[window] for window in set(seen))

    return {
        "sha256": digest,
        "windows": [list(window) for window in windows],
        "most_frequent": {name_of(steps): table(most_frequent, steps) for steps in STA_STEPS},
        "all_seen": {name_of(steps): table(all_seen, steps) for steps in STA_STEPS},
    }


def svoo_mass(file: Path, ranges: tuple[tuple[int, int], ...]) -> dict:
    """By range of steps, rows of layers: mean share of the keys that hold 95 % of a head's attention, in percent."""
    text, digest = unpacked(file)
    rows = list(csv.reader(text.splitlines()))[1:]
    shares = {(int(step) - 1, int(layer), int(head)): float(share) for step, layer, head, share in rows}
    layers, heads = (1 + max(key[i] for key in shares) for i in (1, 2))

    def mean(steps: tuple[int, int], layer: int, head: int) -> int:
        return round(100 * sum(shares[step, layer, head] for step in range(*steps)) / (steps[1] - steps[0]))

    return {
        "sha256": digest,
        "percent": {
            name_of(steps): [[mean(steps, layer, head) for head in range(heads)] for layer in range(layers)]
            for steps in ranges
        },
    }


def text_of(figures: dict, indent: int = 0) -> str:
    """JSON with a line for each row of heads."""
    pad = " " * (indent + 1)
    lines = []
    for key, value in figures.items():
        if isinstance(value, dict):
            text = text_of(value, indent + 1)
        elif isinstance(value, list):
            text = "[\n" + ",\n".join(f"{pad} {json.dumps(row)}" for row in value) + f"\n{pad}]"
        else:
            text = json.dumps(value)
        lines.append(f"{pad}{json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n" + " " * indent + "}"


def make(files: Path) -> dict[str, str]:
    """Name -> text of each file of figures."""
    made = {"sta_hunyuanvideo.json": text_of(sta_windows(files / STA_FILE)) + "\n"}
    for model, (name, ranges) in SVOO_FILES.items():
        made[f"svoo_{model}.json"] = text_of(svoo_mass(files / name, ranges)) + "\n"
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[1] / "sources")
    arguments = parser.parse_args()
    for name, text in make(arguments.files).items():
        (arguments.out / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
