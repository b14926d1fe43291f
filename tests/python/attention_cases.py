# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Layouts and patterns that the tests of this folder share; every name says why the case is there."""

from twill_vdit import Diagonal, KeyBox, MultiDiagonal, Pattern, TokenLayout, TokenOrder, VerticalStripe, Window
from twill_vdit.patterns import PATTERN_NAMES

LAYOUTS = {
    "one_token": TokenLayout(frames=1, rows=1, cols=1),
    "one_frame": TokenLayout(frames=1, rows=5, cols=13),
    "one_row": TokenLayout(frames=5, rows=1, cols=19),
    "ragged_last_tile": TokenLayout(frames=4, rows=5, cols=7),
    "text_behind": TokenLayout(frames=3, rows=4, cols=5, suffix=21),
    "text_in_front_and_behind": TokenLayout(frames=5, rows=5, cols=6, prefix=3, suffix=37),
}

PATTERNS = {
    "dense": Pattern("dense"),
    "skip": Pattern("skip"),
    "mean": Pattern("mean"),
    "only_itself": Pattern("diagonal", (Diagonal(0.0),)),
    "diagonal_of_half_a_frame": Pattern("diagonal", (Diagonal(0.5),)),
    "diagonal_over_everything": Pattern("diagonal", (Diagonal(1000.0),)),
    "bands_of_near_frames": Pattern("multi_diagonal", (MultiDiagonal(2, 0.1, 0.05),)),
    "bands_of_all_frames": Pattern("multi_diagonal", (MultiDiagonal(1000, 0.0, 0.0),)),
    "bands_wider_than_a_frame": Pattern("multi_diagonal", (MultiDiagonal(1, 1.0, 1.0),)),
    "first_frame": Pattern("vertical_stripe", (VerticalStripe((KeyBox(0, 1),)),)),
    "first_and_last_frame": Pattern("vertical_stripe", (VerticalStripe((KeyBox(0, 1), KeyBox(-1, 1000))),)),
    "boxes_past_the_edge": Pattern(
        "vertical_stripe",
        (VerticalStripe((KeyBox(1, 1000, 0.3, 0.6, 0.1, 0.4), KeyBox(0, 2, 0.9, 1.0, 0.95, 1.0))),),
    ),
    "window": Pattern("window", (Window(1, 0.2, 0.3),)),
    "window_elsewhere": Pattern("window", (Window(0, 0.25, 0.25, -2, 0.2, -0.15),)),
    "window_outside_short_clips": Pattern("window", (Window(0, 0.3, 1.0, 4),)),
    "window_above_the_first_rows": Pattern("window", (Window(1000, 0.0, 0.2, 0, -0.5, 0.0),)),
    "back_and_forth": Pattern("union", (Window(0, 0.25, 0.25, -3), Window(0, 0.25, 0.25, 3))),
    "frames_that_short_clips_lack": Pattern("vertical_stripe", (VerticalStripe((KeyBox(4, 6, 0.5, 1.0),)),)),
    "window_and_stripe_outside": Pattern(
        "union", (Window(0, 0.0, 0.5, -5), VerticalStripe((KeyBox(-9, -6), KeyBox(7, 9))))
    ),
    "union": Pattern("union", (Diagonal(0.25), VerticalStripe((KeyBox(0, 1),)), Window(3, 0.0, 0.0))),
}

ORDERS = {
    "raster": TokenOrder(),
    "time_fastest": TokenOrder("time_fastest"),
    "tiles": TokenOrder("tiles", 2, 4, 4),
}

KIND_OF = dict(zip((Diagonal, MultiDiagonal, VerticalStripe, Window), PATTERN_NAMES[3:7], strict=True))


def random_part(random):
    """Mostly those that can miss a clip."""

    def fraction(least):
        return float(random.integers(16 * least, 17) / 16)

    kind = random.integers(10)
    if kind == 0:
        return Diagonal(fraction(0))
    if kind == 1:
        return MultiDiagonal(int(random.integers(4)), fraction(0), fraction(0))
    if kind < 5:
        begin, row = (int(x) for x in random.integers((-9, 0), (10, 16)))
        end = begin + int(random.integers(1, 5))
        return VerticalStripe((KeyBox(begin, end, row / 16, float(random.integers(row + 1, 17)) / 16),))
    radius, offset = int(random.integers(3)), int(random.integers(-9, 10))
    return Window(radius, fraction(0), fraction(0), offset, fraction(-1), fraction(-1))
