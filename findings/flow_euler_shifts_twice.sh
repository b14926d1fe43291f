#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# diffusers' flow Euler shifts twice: with few steps its last timestep lies almost at zero.
source "$(dirname "${BASH_SOURCE[0]}")/lib/findings.sh"
packages torch==2.13.0 diffusers==0.42.1 numpy==2.4.6
guess "FlowMatchEulerDiscreteScheduler(shift=5).set_timesteps(4) gives 1000 * 5 s / (1 + 4 s) for s = 1, 3/4, 1/2, 1/4: 1000, 938, 833, 625, as Wan's UniPC does"
observe <<'PYTHON'
import diffusers
from finding import verdict

euler = diffusers.FlowMatchEulerDiscreteScheduler(shift=5.0)
unipc = diffusers.UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=5.0)
times = {}
for steps in (2, 4, 10):
    for name, scheduler in (("Euler", euler), ("UniPC", unipc)):
        scheduler.set_timesteps(steps)
        times[name, steps] = [round(float(t), 1) for t in scheduler.timesteps]
        print(f"{steps:3} steps, {name}: {times[name, steps]}")
wanted = [1.0, 0.5, 0.25]
euler.set_timesteps(sigmas=wanted)
given = [round(float(s), 4) for s in euler.sigmas[:-1]]
print("sigmas asked for:", wanted, "and used:", given)
seen = times["Euler", 4] == [1000.0, 909.7, 717.3, 24.4] and times["UniPC", 4] == [999.0, 937.0, 833.0, 625.0]
seen &= given == [1.0, 0.8333, 0.625]
verdict(seen, "4 steps at shift 5: Euler 1000, 910, 717, 24 against UniPC 999, 937, 833, 625; sigmas given by hand are shifted once more")
PYTHON
