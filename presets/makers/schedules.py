# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""t of every step of a run, descending: the timestep given to the network over its training range."""


def flow(steps: int, shift: float, last: float = 0.0) -> list[float]:
    """u from 1 towards `last`, shifted. last: 0 for Euler, 0.001 for UniPC, as the sampler of the engine."""
    times = []
    for i in range(steps):
        u = 1.0 + (last - 1.0) * i / steps
        times.append(shift * u / (1.0 + (shift - 1.0) * u))
    return times


def linear_quadratic(steps: int, threshold: float) -> list[float]:
    """Mochi: half of the steps go evenly from 1 to 1 - threshold, the other half by a parabola to 0."""
    half = steps // 2
    rest = steps - half
    slope = threshold / half  # of the line, which the parabola continues
    times = [1.0 - slope * i for i in range(half)]
    # noise removed after j of the remaining steps: threshold + slope j + bend j^2, which is 1 at j = rest
    bend = (1.0 - threshold - slope * rest) / rest**2
    return times + [1.0 - (threshold + slope * j + bend * j * j) for j in range(rest)]


def trailing(steps: int, training_steps: int = 1000) -> list[float]:
    """CogVideoX: evenly spaced timesteps that end at the last one of training."""
    return [(round(training_steps - i * training_steps / steps) - 1) / training_steps for i in range(steps)]


def edge(times: list[float], step: int) -> float:
    """A t between step - 1 and step (0-based): a segment that begins with `step` ends there."""
    return round((times[step - 1] + times[step]) / 2, 5)
