# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""t of a forward, from the sigma of a sampler."""

import math

import pytest
import torch
from twill_pack.twill_nodes.patch.timestep import t_of_schedule, t_of_sigma


class Flow:
    def timestep(self, sigma):
        return sigma


class OfAnotherRange:
    """A sampling that the pack does not know, with timesteps of 0..1000."""

    def timestep(self, sigma):
        return 1000.0 * sigma


class ModelSamplingContinuousEDM:
    sigma_min, sigma_max = torch.tensor(0.002), torch.tensor(80.0)

    def timestep(self, sigma):
        return 0.25 * torch.log(torch.as_tensor(sigma))


def test_noise_added_by_a_sampler_is_noise():
    assert t_of_sigma(Flow(), 1.4) == 1.0
    assert t_of_sigma(Flow(), torch.tensor([0.25, 0.5])) == 0.5


def test_a_sigma_of_0_is_clean():
    assert t_of_sigma(ModelSamplingContinuousEDM(), 0.0) == 0.0
    assert t_of_sigma(ModelSamplingContinuousEDM(), 80.0) == 1.0


@pytest.mark.parametrize(
    ("sampling", "sigma", "t"),
    [(OfAnotherRange(), 0.5, "500"), (Flow(), math.nan, "nan"), (Flow(), math.inf, "inf")],
    ids=["another_range", "no_number", "infinite"],
)
def test_timesteps_of_another_range_are_refused(sampling, sigma, t):
    with pytest.raises(ValueError) as refused:
        t_of_schedule(sampling, torch.tensor([sigma, 0.0]))
    assert str(refused.value) == f"t {t} is not within 0..1 (a model's timestep divided by its training range)"
