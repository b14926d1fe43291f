# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The samplers against diffusers' schedulers, and the noise against torch's."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine import parity
from tests.engine.parity import diffusers, safetensors, torch

pytestmark = pytest.mark.slow  # all of it together


@dataclass(frozen=True)
class Case:
    why: str
    steps: int
    shift: float


CASES = [
    Case("one_step_is_first_and_last", 1, 3.0),
    Case("two_steps_never_order_two", 2, 3.0),
    Case("three_steps_have_one_of_order_two", 3, 5.0),
    Case("demo", 20, 3.0),
    Case("wan_720p", 50, 5.0),
    Case("no_shift", 7, 1.0),
    Case("shift_below_one", 9, 0.5),
    Case("large_shift_few_steps", 4, 12.0),
]
SHAPE = (1, 4, 3, 5, 6)


def run_ours(folder: Path, name: str, case: Case, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """t: [steps]; x after each step: [steps, *SHAPE]."""
    inputs = {**draw_inputs(case, dtype), "shift": torch.tensor(case.shift, dtype=torch.float64)}
    out = parity.run_probe(folder, "sampler", name, inputs)
    return safetensors.load_file(folder / "out.safetensors")["t"], out


def draw_inputs(case: Case, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(case.steps)
    return {
        "x": torch.randn(SHAPE, generator=generator).to(dtype),
        "velocity": torch.randn(case.steps, *SHAPE, generator=generator).to(dtype),
    }


def unipc_scheduler(case: Case) -> diffusers.UniPCMultistepScheduler:
    scheduler = diffusers.UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=case.shift
    )
    assert (scheduler.config.solver_order, scheduler.config.solver_type) == (2, "bh2")
    scheduler.set_timesteps(case.steps)
    return scheduler


def run_theirs(scheduler, case: Case, dtype: torch.dtype, sigmas: torch.Tensor) -> torch.Tensor:
    scheduler.sigmas = sigmas
    scheduler.set_begin_index(0)
    inputs = draw_inputs(case, dtype)
    x, steps = inputs["x"], []
    for timestep, velocity in zip(scheduler.timesteps, inputs["velocity"], strict=True):
        x = scheduler.step(velocity, timestep, x).prev_sample
        steps.append(x)
    assert x.dtype == dtype
    return torch.stack(steps)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_unipc_sigmas(case, tmp_path):
    t, _ = run_ours(tmp_path, "unipc", case, torch.float32)
    theirs = unipc_scheduler(case).sigmas
    assert theirs[-1] == 0
    # They are rounded to fp32 from the same formula in double.
    assert torch.equal(t.float(), theirs[:-1])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_unipc_steps_in_double(case, tmp_path):
    t, out = run_ours(tmp_path, "unipc", case, torch.float64)
    exact = run_theirs(unipc_scheduler(case), case, torch.float64, torch.cat([t, torch.zeros(1, dtype=t.dtype)]))
    # A step is half a dozen sums of tensors, each rounded; those of earlier steps stay in x.
    allowed = 8 * case.steps * torch.finfo(torch.float64).eps * exact.abs().max()
    worst = (out - exact).abs().max()
    print(f"unipc {case.why}: worst {worst:.2e}, allowed {allowed:.2e}")
    assert worst <= allowed


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_unipc_steps(case, tmp_path):
    t, out = run_ours(tmp_path, "unipc", case, torch.float32)
    double = torch.cat([t, torch.zeros(1, dtype=t.dtype)])
    exact = run_theirs(unipc_scheduler(case), case, torch.float64, double)
    theirs = run_theirs(unipc_scheduler(case), case, torch.float32, double.float())
    parity.assert_as_exact_as(f"unipc {case.why}", out, exact, theirs)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_euler_steps(case, tmp_path):
    t, out = run_ours(tmp_path, "euler", case, torch.float32)
    double = torch.cat([t, torch.zeros(1, dtype=t.dtype)])
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=case.shift)
    # The scheduler shifts what it is given: ComfyUI's steps, which are rounded up to thousandths.
    scheduler.set_timesteps(sigmas=[1 - int(i * (1000 / case.steps)) / 1000 for i in range(case.steps)])
    # In fp32 the scheduler rounds u, two products, a sum and a quotient.
    torch.testing.assert_close(t, scheduler.sigmas[:-1].double(), rtol=5 * torch.finfo(torch.float32).eps, atol=0)
    theirs = run_theirs(scheduler, case, torch.float32, double.float())
    steps = draw_inputs(case, torch.float64)
    change = steps["velocity"] * (double[1:] - double[:-1]).view(-1, 1, 1, 1, 1, 1)
    exact = steps["x"] + change.cumsum(0)
    parity.assert_as_exact_as(f"euler {case.why}", out, exact, theirs)


@pytest.mark.parametrize("seed", [0, 42, 2**31, 2**63 + 5, 2**64 - 1])
@pytest.mark.parametrize("shape", [(7,), (1, 16, 5, 12, 20), (3, 5, 7)], ids=["one_by_one", "latents", "ragged_block"])
def test_noise(seed, shape, tmp_path):
    out = parity.run_probe(tmp_path, "noise", str(seed), {"shape": torch.tensor(shape)})
    assert torch.equal(out, torch.randn(shape, generator=torch.Generator().manual_seed(seed)))
