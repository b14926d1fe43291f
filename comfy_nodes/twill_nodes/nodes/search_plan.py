# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Search Plan: measures the heads of a model while it makes a clip, and solves for a plan."""

import comfy.samplers
from comfy_api.v0_0_2 import io, ui

from .. import pictures, plan_store, plan_text, wheel
from ..search.request import Progress, SearchRequest, SearchResult, Target, Wish
from .sockets import CATEGORY, SparsePlan

TARGETS = {"balanced (density 0.40)": 0.40, "fast (density 0.25)": 0.25, "careful (density 0.60)": 0.60}
OWN = "density below"
SHARE = "attention time below"
PSNR = "PSNR at least"
SPEEDUP = "speed-up at least"
AUTO = "auto"
PRECISIONS = AUTO, "bf16"


def target_of(name: str, density: float, psnr_db: float, speedup: float) -> Target:
    if name == PSNR:
        return Target(Wish.PSNR, psnr_db)
    if name == SPEEDUP:
        return Target(Wish.SPEEDUP, speedup)
    return Target(Wish.ATTENTION_SHARE if name == SHARE else Wish.DENSITY, TARGETS.get(name, density))


def tries_text(result: SearchResult, target: Target) -> str:
    unit = " dB" if target.wish is Wish.PSNR else "x"
    lines = [
        f"tried density {each.density:.3f}: {each.measured:.2f}{unit}{'' if each.holds else ', too low'}"
        for each in result.tries
    ]
    return "\n".join([*lines, *filter(None, [result.note])])


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.1f} min"


class ProgressDisplay:
    """Bar, text and the live map of heads on the node."""

    def __init__(self, node_id: str) -> None:
        import comfy.utils

        self._node_id = node_id
        self._bar = comfy.utils.ProgressBar(1, node_id=node_id)

    def __call__(self, progress: Progress) -> None:
        from PIL import Image
        from server import PromptServer

        preview = None
        if progress.maps is not None:
            preview = ("JPEG", Image.fromarray(pictures.live_map(progress.maps, progress.shape)), 1024)
        self._bar.update_absolute(progress.done, max(progress.total, 1), preview)
        eta = _duration(progress.eta_seconds)
        text = f"{progress.stage}: {progress.done} of {progress.total}, {eta} to go"
        server = getattr(PromptServer, "instance", None)
        if server is not None and self._node_id:
            server.send_progress_text(text, self._node_id)


class SearchPlan(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="TwillSearchPlan",
            display_name="Search Plan",
            category=CATEGORY,
            description="Finds a plan for a model: makes a dense clip, measures on the way what every head looks at, "
            "and solves for the patterns with the least error at a density, or tries plans until clips are good or "
            "fast enough. Can be interrupted; queue again to go on.",
            search_aliases=["find plan", "sparse attention search", "twill search", "tune attention"],
            inputs=[
                io.Model.Input("model", tooltip="The video model; of a model with two experts the one for noise."),
                io.Conditioning.Input("positive", tooltip="A usual prompt for this model."),
                io.Conditioning.Input("negative", tooltip="A usual negative prompt."),
                io.Latent.Input("latent_image", tooltip="An empty latent of the usual size and length."),
                # The page changes every input named seed after a run, and the search would not go on.
                io.Int.Input(
                    "clip_seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFFFFFFFFFF,
                    tooltip="Seed of the clip's noise. A search goes on only with the seed that it began with.",
                ),
                io.Int.Input("steps", default=20, min=1, max=10000, tooltip="As many as you use with this model."),
                io.Float.Input(
                    "cfg", default=1.0, min=0.0, max=100.0, step=0.1, tooltip="Guidance as you use it with this model."
                ),
                io.Combo.Input(
                    "sampler_name", options=comfy.samplers.KSampler.SAMPLERS, tooltip="The sampler that you use."
                ),
                io.Combo.Input(
                    "scheduler",
                    options=comfy.samplers.KSampler.SCHEDULERS,
                    default="simple",
                    tooltip="The scheduler that you use.",
                ),
                io.Combo.Input(
                    "target",
                    options=[*TARGETS, OWN, SHARE, PSNR, SPEEDUP],
                    default=next(iter(TARGETS)),
                    tooltip="How much of attention the plan computes over the whole run, or what clips by it must "
                    "reach. PSNR and speed-up are measured by clips, up to five; PSNR needs the VAE.",
                ),
                io.Float.Input(
                    "density",
                    default=0.4,
                    min=0.05,
                    max=1.0,
                    step=0.01,
                    advanced=True,
                    tooltip=f'Share of attention that is computed, for the target "{OWN}"; share of its time, for '
                    f'"{SHARE}", for which every pattern is timed on this device.',
                ),
                io.Int.Input(
                    "points",
                    default=8,
                    min=1,
                    max=32,
                    advanced=True,
                    tooltip="Steps at which heads are measured, spread over the run. More is more exact and slower.",
                ),
                io.Float.Input(
                    "time_limit",
                    default=0.0,
                    min=0.0,
                    max=10000.0,
                    tooltip="Minutes after which the search stops with a message and keeps its work; 0 is no limit.",
                ),
                io.String.Input(
                    "name", default="my plan", tooltip="The plan is saved under this name in models/sparse_plans."
                ),
                io.Float.Input(
                    "boundary",
                    default=0.875,
                    min=0.0,
                    max=1.0,
                    step=0.005,
                    advanced=True,
                    tooltip="With two experts: t (1 noise, 0 clean) below which the second one runs.",
                ),
                io.Float.Input(
                    "psnr_db",
                    default=30.0,
                    min=5.0,
                    max=80.0,
                    step=0.5,
                    advanced=True,
                    tooltip=f'dB against the dense clips, for the target "{PSNR}".',
                ),
                io.Float.Input(
                    "speedup",
                    default=1.3,
                    min=1.0,
                    max=100.0,
                    step=0.05,
                    advanced=True,
                    tooltip=f'Of sampling against dense on this device, for the target "{SPEEDUP}".',
                ),
                io.Boolean.Input(
                    "measure_stripes",
                    default=True,
                    advanced=True,
                    tooltip="First make a clip of six steps for its attention maps, and offer the heads stripes over "
                    "the keys that all queries want.",
                ),
                io.Combo.Input(
                    "precision",
                    options=[*PRECISIONS],
                    default=AUTO,
                    optional=True,
                    advanced=True,
                    tooltip="auto: heads that lose next to nothing by it compute in 8-bit integers, where this GPU has "
                    "a kernel for that; what they lose is measured too. bf16: none.",
                ),
                io.Model.Input(
                    "model_low_noise",
                    optional=True,
                    tooltip="The second expert, for detail, of models such as Wan 2.2.",
                ),
                io.Vae.Input("vae", optional=True, tooltip=f'The model\'s VAE, for the target "{PSNR}".'),
                io.Conditioning.Input(
                    "positive_2", optional=True, tooltip="A second prompt to measure on; one more dense clip."
                ),
                io.Conditioning.Input("positive_3", optional=True, tooltip="A third prompt to measure on."),
            ],
            outputs=[
                SparsePlan.Output(display_name="sparse_plan", tooltip="The plan, with its profile."),
                io.Latent.Output(display_name="latent", tooltip="The dense clip that was made on the way."),
                io.Image.Output(display_name="heads", tooltip="What every head looks at, and the pattern that it got."),
                io.String.Output(display_name="info", tooltip="The plan in words, density and time of the search."),
            ],
            is_output_node=True,
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def validate_inputs(cls, name: str = "") -> bool | str:
        try:
            plan_store.safe_name(name)
        except ValueError as error:
            return str(error)
        return True

    @classmethod
    def execute(
        cls,
        model,
        positive,
        negative,
        latent_image,
        clip_seed,
        steps,
        cfg,
        sampler_name,
        scheduler,
        target,
        density,
        points,
        time_limit,
        name,
        boundary,
        psnr_db=30.0,
        speedup=1.3,
        measure_stripes=True,
        precision=AUTO,
        model_low_noise=None,
        vae=None,
        positive_2=None,
        positive_3=None,
    ) -> io.NodeOutput:
        wheel.package()
        if not wheel.has_kernels():
            raise RuntimeError(
                f"searching needs the binary part of twill-vdit, missing here: {wheel.package().why_no_binary()}"
            )
        from ..search.plan_search import PlanSearch

        request = SearchRequest(
            model=model,
            low_noise=model_low_noise,
            boundary=boundary,
            positives=tuple(each for each in (positive, positive_2, positive_3) if each is not None),
            negative=negative,
            latent=latent_image,
            seed=clip_seed,
            steps=steps,
            cfg=cfg,
            sampler_name=sampler_name,
            scheduler=scheduler,
            target=target_of(target, density, psnr_db, speedup),
            points=points,
            minutes=time_limit,
            name=plan_store.safe_name(name),
            stripes=measure_stripes,
            int8=precision == AUTO,
            vae=vae,
        )
        result = PlanSearch(request, ProgressDisplay(cls.hidden.unique_id)).run()
        heads = pictures.heads_map(result.loaded, plan_text.widest_segment(result.loaded.plan))
        info = (
            f"{result.file.name}: density {result.density:.3f}, found in {_duration(result.seconds)}\n"
            f"{tries_text(result, request.target)}\n{plan_text.describe(result.loaded)}"
        )
        shown = ui.PreviewImage(heads, cls=cls).as_dict() | ui.PreviewText(info).as_dict()
        return io.NodeOutput(result.loaded, result.latent, heads, info, ui=shown)
