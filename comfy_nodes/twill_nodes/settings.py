# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What a user sets beside the plan."""

import re
from dataclasses import dataclass

AS_SEARCHED = 0.5  # twill_vdit.running.AS_SEARCHED, here for nodes that load without the package


@dataclass(frozen=True)
class Settings:
    """speed_quality and adapt change the plan; the others only make calls dense that it would have sparse.

    speed_quality: 0 fastest, 0.5 the plan as it was searched, 1 dense. start, end: shares of the sampling run.
    adapt: the plan is fitted to the clip while the clip is made.
    """

    speed_quality: float = AS_SEARCHED
    start_percent: float = 0.0
    end_percent: float = 1.0
    dense_blocks: str = ""
    min_tokens: int = 1024
    expert: str = "auto"
    adapt: bool = False


def parse_blocks(text: str, count: int) -> frozenset[int]:
    """ "0, 2-4, -1" -> block numbers; negative ones count from the end. Raises ValueError that names the part."""
    chosen: set[int] = set()
    for part in filter(None, re.split(r"[,\s]+", text.strip())):
        found = re.fullmatch(r"(-?\d+)(?:-(-?\d+))?", part)
        if found is None:
            raise ValueError(f'dense blocks: "{part}" is not a number or a range such as 0-3')
        first = int(found[1])
        last = first if found[2] is None else int(found[2])
        first, last = (x + count if x < 0 else x for x in (first, last))
        chosen |= {block for block in range(first, last + 1) if 0 <= block < count}
    return frozenset(chosen)
