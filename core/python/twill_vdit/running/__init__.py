# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A plan in a sampling run, whoever runs the model: what decides, falls back, counts, adapts and paces.

What a host gives:

1. Before a run: the plan, as a `Slider` has it for the run's speed-quality; which expert runs (`choose_expert`); the
   run's sigmas and how t follows from one, as a `Schedule`; what fits the plan to the clip, if that is wished for
   (`adapting_for`). Of these, and the network's shape, it makes a `Run`.
2. Around each forward: a `Forward` with t (`Schedule.at`), the clip's grid and where other tokens stand
   (`twill_vdit.families`), held by `running_forward(forward)`; `Run.tell_time` before it. Where the network does not
   say which block attends, `sites_told(stacks)` around it.
3. For each call of self-attention: `Run.serve`, which is told how to read the call, how to run it dense, and what that
   is called: the report judges the plan against it. `may_ask_dense` lets a call be made for that.
4. After each step `Schedule.after_step` and `Run.finish_step`; after the run `Run.finish`, which gives the `Report`.

Nothing here raises into the host's sampler but the host's own dense attention, and no forward waits for a GPU.
"""

from twill_vdit.running.adapting import Adapting, adapting_for
from twill_vdit.running.call import AttentionCall, Site
from twill_vdit.running.expert import choose_expert
from twill_vdit.running.forward import Forward, current, running_forward, sites_told
from twill_vdit.running.report import BY_BLOCKS, BY_MIN_TOKENS, BY_PERCENT, BY_PLAN, DENSE_PLAN, Report
from twill_vdit.running.run import Decision, Run, is_out_of_memory
from twill_vdit.running.schedule import Moment, Schedule
from twill_vdit.running.speed_quality import AS_SEARCHED, Slider, SliderRun, dense_plan, density_at

__all__ = [
    "AS_SEARCHED",
    "BY_BLOCKS",
    "BY_MIN_TOKENS",
    "BY_PERCENT",
    "BY_PLAN",
    "DENSE_PLAN",
    "Adapting",
    "AttentionCall",
    "Decision",
    "Forward",
    "Moment",
    "Report",
    "Run",
    "Schedule",
    "Site",
    "Slider",
    "SliderRun",
    "adapting_for",
    "choose_expert",
    "current",
    "dense_plan",
    "density_at",
    "is_out_of_memory",
    "running_forward",
    "sites_told",
]
