# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Sparse Sampler and its advanced form: KSampler's inputs and a plan; thin sugar over Apply Sparse Plan."""

import comfy.samplers
import nodes as core
from comfy_api.v0_0_2 import io, ui

from ..patch.attached import patch_of
from ..settings import Settings
from . import choice
from .sockets import CATEGORY, adapt, plan_choice, plan_socket, speed_quality

MOST_SEED = 0xFFFFFFFFFFFFFFFF
ALIASES = ["ksampler", "sparse attention", "twill sampler", "fast video sampler"]


def _seed(name: str) -> io.Int.Input:
    return io.Int.Input(
        name,
        default=0,
        min=0,
        max=MOST_SEED,
        control_after_generate=True,
        tooltip="The random seed used for creating the noise.",
    )


def _schedule() -> list:
    return [
        io.Int.Input("steps", default=20, min=1, max=10000, tooltip="The number of denoising steps."),
        io.Float.Input(
            "cfg",
            default=8.0,
            min=0.0,
            max=100.0,
            step=0.1,
            round=0.01,
            tooltip="Classifier-free guidance: higher follows the prompt more closely; 1 turns it off.",
        ),
        io.Combo.Input("sampler_name", options=comfy.samplers.KSampler.SAMPLERS, tooltip="The sampling algorithm."),
        io.Combo.Input(
            "scheduler", options=comfy.samplers.KSampler.SCHEDULERS, tooltip="How noise is removed over the steps."
        ),
        io.Conditioning.Input("positive", tooltip="What the clip should show."),
        io.Conditioning.Input("negative", tooltip="What it should not show."),
        io.Latent.Input("latent_image", tooltip="The latent to denoise."),
    ]


def _outputs() -> list:
    return [
        io.Latent.Output(display_name="latent", tooltip="The denoised latent."),
        io.String.Output(display_name="stats", tooltip="What ran sparse, density, seconds, and what fell back."),
    ]


def _result(patched, latent) -> io.NodeOutput:
    patch = patch_of(patched)
    stats = "dense: no plan" if patch is None or patch.report is None else patch.report.text()
    return io.NodeOutput(latent, stats, ui=ui.PreviewText(stats))


class SparseSampler(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="TwillSparseSampler",
            display_name="Sparse Sampler",
            category=CATEGORY,
            description="KSampler with a plan: denoises a clip with sparse attention. Without a fitting plan it gives "
            "KSampler's result and says so.",
            search_aliases=ALIASES,
            inputs=[
                io.Model.Input("model", tooltip="The model used for denoising."),
                _seed("seed"),
                *_schedule(),
                io.Float.Input(
                    "denoise",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="The amount of denoising; less keeps the structure of the given latent.",
                ),
                plan_choice(),
                speed_quality(),
                adapt(),
                plan_socket(),
            ],
            outputs=_outputs(),
            has_intermediate_output=True,
        )

    @classmethod
    def fingerprint_inputs(cls, plan: str, **_) -> str:
        return choice.stamp(plan)

    @classmethod
    def execute(
        cls,
        model,
        seed,
        steps,
        cfg,
        sampler_name,
        scheduler,
        positive,
        negative,
        latent_image,
        denoise,
        plan,
        speed_quality,
        adapt=False,
        sparse_plan=None,
    ) -> io.NodeOutput:
        patched = choice.patched_model(model, plan, sparse_plan, Settings(speed_quality, adapt=adapt))
        (latent,) = core.common_ksampler(
            patched, seed, steps, cfg, sampler_name, scheduler, positive, negative, latent_image, denoise=denoise
        )
        return _result(patched, latent)


class SparseSamplerAdvanced(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="TwillSparseSamplerAdvanced",
            display_name="Sparse Sampler (Advanced)",
            category=CATEGORY,
            description="KSampler (Advanced) with a plan, for parts of a run and for models with two experts.",
            search_aliases=[*ALIASES, "ksampler advanced", "wan 2.2 sampler"],
            inputs=[
                io.Model.Input("model", tooltip="The model used for denoising."),
                io.Combo.Input(
                    "add_noise", options=["enable", "disable"], advanced=True, tooltip="Add noise to the latent first."
                ),
                _seed("noise_seed"),
                *_schedule(),
                io.Int.Input(
                    "start_at_step", default=0, min=0, max=10000, advanced=True, tooltip="The first step that is run."
                ),
                io.Int.Input(
                    "end_at_step", default=10000, min=0, max=10000, advanced=True, tooltip="The step to stop before."
                ),
                io.Combo.Input(
                    "return_with_leftover_noise",
                    options=["disable", "enable"],
                    advanced=True,
                    tooltip="Leave the noise of the steps that are not run in the latent, for a next sampler.",
                ),
                plan_choice(),
                speed_quality(),
                adapt(),
                plan_socket(),
            ],
            outputs=_outputs(),
            has_intermediate_output=True,
        )

    @classmethod
    def fingerprint_inputs(cls, plan: str, **_) -> str:
        return choice.stamp(plan)

    @classmethod
    def execute(
        cls,
        model,
        add_noise,
        noise_seed,
        steps,
        cfg,
        sampler_name,
        scheduler,
        positive,
        negative,
        latent_image,
        start_at_step,
        end_at_step,
        return_with_leftover_noise,
        plan,
        speed_quality,
        adapt=False,
        sparse_plan=None,
    ) -> io.NodeOutput:
        patched = choice.patched_model(model, plan, sparse_plan, Settings(speed_quality, adapt=adapt))
        (latent,) = core.common_ksampler(
            patched,
            noise_seed,
            steps,
            cfg,
            sampler_name,
            scheduler,
            positive,
            negative,
            latent_image,
            disable_noise=add_noise == "disable",
            start_step=start_at_step,
            last_step=end_at_step,
            force_full_denoise=return_with_leftover_noise == "disable",
        )
        return _result(patched, latent)
