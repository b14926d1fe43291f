# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""One file per family of networks, and the list of them."""

from .cogvideox import COGVIDEOX
from .cosmos import COSMOS1, COSMOS_PREDICT2
from .family import Family, Residual
from .hunyuan_video import HUNYUAN_VIDEO
from .kandinsky5 import KANDINSKY5
from .ltxv import LTXAV, LTXV
from .mochi import MOCHI
from .wan import WAN, WAN_VACE

FAMILIES: tuple[Family, ...] = (
    WAN_VACE,
    WAN,
    HUNYUAN_VIDEO,
    COGVIDEOX,
    LTXV,
    LTXAV,
    MOCHI,
    COSMOS1,
    COSMOS_PREDICT2,
    KANDINSKY5,
)

__all__ = ["FAMILIES", "Family", "Residual", "family_of"]


def family_of(network) -> Family | None:
    """The nearest class decides: a class of its own comes before the one that it is derived from."""
    for cls in type(network).__mro__:
        for family in FAMILIES:
            if cls.__name__ in family.classes:
                return family
    return None
