# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Where a run stands, and what is waited for: parts that a CPU would hide, as its values are always there."""

import types

import pytest
import torch

from twill_vdit.diffusers.networks import AS_GIVEN, EDM, OF_A_THOUSAND, UPWARDS
from twill_vdit.diffusers.reading import Kept, Reading
from twill_vdit.diffusers.sampling import Steps, branches_of

TIMESTEPS = torch.tensor([1000.0, 800.0, 500.0, 200.0])


class Pipeline:
    def __init__(self, **scheduler):
        self.scheduler = types.SimpleNamespace(timesteps=TIMESTEPS.clone(), **scheduler)


def reading(timestep, clock=OF_A_THOUSAND):
    return Reading((1, 1, 1), None, timestep, clock.level(timestep.reshape(-1)), 1, torch.device("cpu"), "")


def begun(pipeline, clock=OF_A_THOUSAND, timestep=TIMESTEPS[:1]):
    steps = Steps(pipeline, clock)
    steps.begin(reading(timestep, clock), lambda moment: 0)
    return steps


@pytest.mark.parametrize(
    ("scheduler", "timestep", "step"),
    [
        pytest.param({}, lambda timesteps: timesteps[2].expand(2), 2, id="a_view_of_the_schedulers"),
        pytest.param({}, lambda timesteps: timesteps[1:][1].expand(2), 2, id="a_view_of_a_part_of_them"),
        pytest.param({"step_index": 1}, lambda timesteps: timesteps[1].clone(), 1, id="the_schedulers_index"),
        pytest.param({"step_index": None, "begin_index": 3}, lambda timesteps: timesteps[3].clone(), 3, id="its_first"),
        pytest.param({"step_index": None}, lambda timesteps: timesteps[0].clone(), 0, id="before_its_first"),
    ],
)
def test_the_step_is_known_without_a_value(scheduler, timestep, step):
    pipeline = Pipeline(**scheduler)
    steps = begun(pipeline)
    assert steps._step(timestep(pipeline.scheduler.timesteps)) == step


def test_t_of_whole_timesteps_is_exact():
    """float32 has 800 and has no 0.8, where a segment may end."""
    steps = begun(Pipeline())
    assert steps.times == [1.0, 0.8, 0.5, 0.2]
    assert steps.at(reading(TIMESTEPS[1:2])) == 0.8


def test_the_steps_are_rounded_as_the_pipeline_rounds_them():
    """HunyuanVideo's gives its timesteps in the latents' dtype."""
    pipeline = Pipeline()
    pipeline.scheduler.timesteps = torch.tensor([955.0, 333.0])
    steps = begun(pipeline, timestep=torch.tensor([955.0], dtype=torch.bfloat16))
    assert steps.times == [0.956, 0.332]


@pytest.mark.parametrize(
    ("clock", "timestep", "t"),
    [
        pytest.param(OF_A_THOUSAND, 250.0, 0.25, id="of_a_thousand"),
        pytest.param(UPWARDS, 250.0, 0.75, id="upwards"),
        pytest.param(AS_GIVEN, 0.25, 0.25, id="as_given"),
        pytest.param(EDM, torch.tensor(80.0).log().item() / 4, 1.0, id="edm_noise"),
        pytest.param(EDM, torch.tensor(0.002).log().item() / 4, 0.0, id="edm_clean"),
    ],
)
def test_clocks(clock, timestep, t):
    assert clock.t_of(float(clock.level(torch.tensor(timestep)))) == pytest.approx(t, abs=1e-6)


def test_a_run_begins_with_new_timesteps_or_where_t_rises():
    pipeline = Pipeline()
    steps = Steps(pipeline, OF_A_THOUSAND)
    first, last = reading(TIMESTEPS[:1]), reading(TIMESTEPS[3:])
    assert steps.begins(first)
    steps.begin(first, lambda moment: 0)
    steps.at(last)
    assert not steps.begins(first), "samplers may go up and down"
    pipeline.scheduler.timesteps = TIMESTEPS.clone()
    assert steps.begins(first)
    alone = Steps(None, OF_A_THOUSAND)
    assert alone.begins(first)
    alone.begin(first, lambda moment: 0)
    assert alone.at(first) == 1.0 and not alone.begins(first), "two forwards of one step"
    alone.at(last)
    assert alone.begins(first) and not alone.begins(last)


def test_timesteps_of_another_range_than_the_networks_say_no_steps():
    """Pipelines of Cosmos Predict 2 give the network sigma / (sigma + 1), not the scheduler's timesteps."""
    assert begun(Pipeline(), AS_GIVEN).times == []


def test_a_value_is_waited_for_once_until_its_tensor_changes():
    kept, mask, read = Kept(), torch.ones(3), []

    def count():
        read.append(1)
        return int(mask.sum())

    assert [kept.of((mask,), count) for _ in range(3)] == [3, 3, 3] and len(read) == 1
    mask[0] = 0
    assert kept.of((mask,), count) == 2 and len(read) == 2
    assert kept.of((torch.ones(3),), lambda: 5) == 5


@pytest.mark.parametrize(
    ("in_batch", "guided", "number", "branches"),
    [
        pytest.param(True, True, 0, (1, 0), id="both_halves_in_a_batch"),
        pytest.param(True, False, 0, (0,), id="no_guidance"),
        pytest.param(False, True, 0, (0,), id="the_first_forward"),
        pytest.param(False, True, 1, (1,), id="the_second_forward"),
        pytest.param(False, True, 2, (1,), id="a_third_one"),
    ],
)
def test_branches_of_the_guidance(in_batch, guided, number, branches):
    assert tuple(branches_of(in_batch, guided, number)) == branches
