# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Tiny transformers under diffusers' context parallelism, as each rank runs them."""

import logging

import tiny_plans as plans
import torch
from tiny_transformers import TINY, run


def count_as_a_device():
    """In a rank: diffusers 0.42.1 numbers ranks by the accelerators that there are, and divides by their number."""
    if torch.accelerator.current_accelerator() is None:
        torch.accelerator.device_count = lambda: 1


def given_to(case, options):
    """Without masks of the text: diffusers 0.42.1 does not cut them to the heads of a rank."""
    given = case.given(batch=options.get("batch", 1))
    return {name: None if name.endswith("attention_mask") else value for name, value in given.items()}


def forwards(rank, cases):
    """(output, sparse calls, dense calls by reason, what the logger said) of each case: (name, wish, options)."""
    import torch.distributed as dist
    from diffusers import ContextParallelConfig

    import twill_vdit.diffusers

    count_as_a_device()
    told = []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(record.getMessage())
    logging.getLogger("twill_vdit").addHandler(handler)
    results = []
    for name, wish, options in cases:
        case = TINY[name]
        transformer, given = case.made(), given_to(case, options)
        degree = options.get("degree", "ulysses_degree")
        more = {"ulysses_anything": True} if options.get("anything") else {}
        transformer.enable_parallelism(config=ContextParallelConfig(**{degree: dist.get_world_size()}, **more))
        if options.get("compiled"):
            # diffusers' own hook of the first block is no code that a graph can hold.
            transformer.compile_repeated_blocks(backend="aot_eager")
        told.clear()
        plan = {"none": None, "dense": plans.dense_plan(case), "sparse": plans.plan_for(case)}[wish]
        if plan is None:
            results.append((run(transformer, given).numpy(), 0, {}, []))
            continue
        with twill_vdit.diffusers.apply_plan(transformer, plan) as applied:
            out = run(transformer, given)
            out = run(transformer, given) if options.get("twice") else out
            report = applied.report()
        results.append((out.numpy(), report.sparse, dict(report.dense), list(told)))
    return results


def of_one_process(name, wish, options):
    """What a rank's output is to be."""
    import twill_vdit.diffusers

    case = TINY[name]
    transformer, given = case.made(), given_to(case, options)
    if wish != "sparse":
        return run(transformer, given)
    with twill_vdit.diffusers.apply_plan(transformer, plans.plan_for(case)) as applied:
        out = run(transformer, given)
        assert applied.report().sparse == case.layers
    return out


def pipelines(rank):
    """A whole run of Wan's pipeline by a plan that is dense above t 0.8: its latents and the report."""
    import tiny_pipelines
    import torch.distributed as dist
    from diffusers import ContextParallelConfig

    import twill_vdit.diffusers

    count_as_a_device()
    pipe = tiny_pipelines.wan()
    config = ContextParallelConfig(ulysses_degree=dist.get_world_size())
    pipe.pipeline.transformer.enable_parallelism(config=config)
    with twill_vdit.diffusers.apply_plan(pipe.pipeline, plans.plan_for(pipe.case, dense_above=0.8)) as applied:
        outs = [pipe(), pipe()]
        report = applied.report()
    assert torch.equal(*outs)
    refused = ""
    try:
        prompt = {name: value for name, value in pipe.given.items() if "embed" in name}
        call = {name: value for name, value in pipe.given.items() if "embed" not in name}
        twill_vdit.diffusers.search_plan(
            pipe.pipeline, [prompt], density=0.5, points=2, call={**call, "num_inference_steps": 4}
        )
    except twill_vdit.Error as error:
        refused = str(error)
    return outs[0].numpy(), report.sparse, dict(report.dense), report.text(), refused


def run_page(rank, script, folder):
    """diffusers' script of core/python/parallel.md, with a tiny model and clip; what was saved where."""
    import os
    import types

    import diffusers
    import diffusers.utils
    import tiny_pipelines
    import torch.distributed as dist

    count_as_a_device()
    os.chdir(folder)
    pipe, saved = tiny_pipelines.wan(), []

    class TinyPipeline(diffusers.WanPipeline):
        def __call__(self, prompt, **call):
            options = {"num_inference_steps": tiny_pipelines.STEPS, "output_type": "latent", **call, **pipe.given}
            return types.SimpleNamespace(frames=super().__call__(**{**options, "return_dict": False})[0])

    def from_pretrained(name, torch_dtype):
        pipe.pipeline.__class__ = TinyPipeline
        return pipe.pipeline

    diffusers.WanPipeline.from_pretrained = from_pretrained
    diffusers.utils.export_to_video = lambda video, file, fps: saved.append((file, bool(video.isfinite().all())))
    destroy, dist.init_process_group = dist.destroy_process_group, lambda: None
    dist.destroy_process_group = lambda: None
    exec(compile(script, "parallel.md", "exec"), {"__name__": "__main__"})
    dist.destroy_process_group = destroy
    return saved
