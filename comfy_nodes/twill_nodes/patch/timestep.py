# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""t of a forward: the timestep given to the network over its training range; 1 is noise, 0 clean.

It follows from sigma alone. Counting calls would be wrong with samplers that call the model several times a step, with
caches that leave forwards out and with split batches.
"""

import math

# Samplers that add noise call the model at up to sqrt(2) times their first sigma.
MOST_T = 1.5


def _value(x) -> float:
    return float(x.detach().max()) if hasattr(x, "detach") else float(x)


def _range_of(sampling) -> tuple[float, float]:
    """The timesteps that clean and noise have in training."""
    kind = {cls.__name__ for cls in type(sampling).__mro__}
    if "ModelSamplingDiscrete" in kind:
        return 0.0, float(sampling.num_timesteps)
    if "ModelSamplingDiscreteFlow" in kind:
        return 0.0, float(sampling.multiplier)
    if "ModelSamplingContinuousEDM" in kind and "ModelSamplingCosmosRFlow" not in kind:
        # The network is given a logarithm of sigma, which is below 0 for clean latents.
        return _value(sampling.timestep(sampling.sigma_min)), _value(sampling.timestep(sampling.sigma_max))
    return 0.0, 1.0


def t_of_sigma(sampling, sigma) -> float:
    """sigma: a number or a tensor of them (their maximum counts). Of a tensor on a GPU this waits for its value; a
    running forward asks twill_vdit.running.Schedule instead. Raises ValueError where the model's timesteps are of
    another range, as they would all be taken for noise."""
    import torch

    sigma = torch.as_tensor(sigma).detach().float().max().cpu().reshape(1)
    begin, end = _range_of(sampling)
    t = (_value(_on_cpu(sampling).timestep(sigma)) - begin) / (end - begin)
    if math.isnan(t) or t > MOST_T:
        raise ValueError(f"t {t:g} is not within 0..1 (a model's timestep divided by its training range)")
    return min(1.0, max(0.0, t))


class _OnCpu:
    """A sampling object whose buffers are read on the CPU; they are small tables."""

    def __init__(self, sampling) -> None:
        self._sampling = sampling

    def __getattr__(self, name: str):
        value = getattr(self._sampling, name)
        return value.cpu() if hasattr(value, "cpu") and not callable(value) else value

    def timestep(self, sigma):
        return type(self._sampling).timestep(self, sigma)


def _on_cpu(sampling):
    buffers = getattr(sampling, "_buffers", {})
    if any(buffer is not None and buffer.device.type != "cpu" for buffer in buffers.values()):
        return _OnCpu(sampling)
    return sampling


def t_of_schedule(sampling, sigmas) -> list[float]:
    """t of every forward of a run that calls the model once a step: all sigmas but the last, 0."""
    return [t_of_sigma(sampling, sigma) for sigma in sigmas[:-1]]
