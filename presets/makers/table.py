# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The table of presets/README.md."""

from makers.measured import layers_timed
from makers.models import Model

BEGIN = "<!-- table: written by make_presets.py -->"
RADIAL_BEGIN = "<!-- table: of Radial's cells, written by make_presets.py -->"
END = "<!-- end of the table -->"
HEAD = (
    "| model, setting | tokens | plan | density | attention speed-up | layers timed | a whole step, estimated | "
    "published |",
    "|---|---|---|---|---|---|---|---|",
)


def step_estimate(share: float, speedup: float) -> float:
    """Of a step in which attention has `share` of the work and the rest takes as long as before."""
    return 1.0 / (1.0 - share + share / speedup)


def row(model: Model, name: str, density: float, timed: dict | None) -> str:
    setting = f"{model.label}: {model.size}; {model.sampler}" + (f"; {model.text}" if model.text else "")
    layout = model.layout
    tokens = f"{layout.tokens:,} ({layout.frames}x{layout.rows}x{layout.cols})"
    if timed is None:
        speed, layers, step = "not measured yet", "", ""
    else:
        speed = f"{timed['speedup']:.2f}x ({timed['speedup'] * density:.2f}/density)"
        layers = layers_timed(timed)
        step = f"{step_estimate(model.attention_share, timed['speedup']):.2f}x"
    cells = (setting, tokens, f"`{name}`", f"{density:.3f}", speed, layers, step, model.published)
    return f"| {' | '.join(cells)} |"


def written_into(readme: str, begin: str, lines: list[str]) -> str:
    before, rest = readme.split(begin)
    _, after = rest.split(END, 1)
    return before + "\n".join([begin, *lines, END]) + after
