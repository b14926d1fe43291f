#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# Flow schedules of diffusers that end before zero: a perfect model still leaves noise in the result.
source "$(dirname "${BASH_SOURCE[0]}")/lib/findings.sh"
packages torch==2.13.0 diffusers==0.42.1 numpy==2.4.6
guess "any multistep solver that accepts use_flow_sigmas=True ends at sigma 0, so a model that knows the clip returns the clip"
observe <<'PYTHON'
import diffusers
import torch
from finding import verdict

clip = torch.linspace(-1, 1, 64).reshape(1, 1, 8, 8)
noise = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def error(kind, **settings):
    scheduler = getattr(diffusers, kind)(
        use_flow_sigmas=True, prediction_type="flow_prediction", flow_shift=5.0, **settings
    )
    scheduler.set_timesteps(10)
    sample = noise.clone()
    torch.manual_seed(1)  # SA draws noise of its own
    for t in scheduler.timesteps:
        at = scheduler.step_index if scheduler.step_index is not None else scheduler.index_for_timestep(t)
        flow = (sample - clip) / scheduler.sigmas[at]  # exact: all the data is this one clip
        sample = scheduler.step(flow, t, sample).prev_sample
    off = float((sample - clip).abs().max())
    print(f"{kind} {settings or ''}: last sigmas {[round(float(s), 3) for s in scheduler.sigmas[-3:]]}, largest error {off:.3g}")
    return off


good = [error("UniPCMultistepScheduler"), error("DPMSolverMultistepScheduler")]
left = [error("DEISMultistepScheduler"), error("SASolverScheduler")]
left.append(error("UniPCMultistepScheduler", final_sigmas_type="sigma_min"))
nothing = error("UniPCMultistepScheduler", lower_order_final=False)
seen = max(good) < 1e-5 and min(left) > 0.5 and nothing != nothing
verdict(seen, f"DEIS and SA stop at sigma 0.357 (errors {left[0]:.2f} and {left[1]:.2f}), UniPC too with final_sigmas_type "
              "sigma_min, and gives NaN with lower_order_final=False; nothing is said")
PYTHON
