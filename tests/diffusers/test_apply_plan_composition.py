# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A plan beside what else diffusers does to a transformer: caches, offloading, backends, LoRA, quantised weights."""

import copy
import pickle
import warnings

import diffusers
import pytest
import tiny_pipelines as pipelines
import tiny_plans as plans
import torch
from packaging.version import Version
from tiny_pipelines import STEPS
from tiny_transformers import TINY, run

import twill_vdit.diffusers
from twill_vdit import running
from twill_vdit.diffusers.sampling import UNSEEN

WAN = TINY["wan"]


def planned(transformer, given, plan=None):
    """(result, report)"""
    with twill_vdit.diffusers.apply_plan(transformer, plan or plans.plan_for(WAN)) as applied:
        out = run(transformer, given)
        return out, applied.report()


@pytest.fixture
def chosen_backend():
    """set_attention_backend changes the choice of the whole process too (diffusers 0.38 to 0.42)."""
    from diffusers.models.attention_dispatch import _AttentionBackendRegistry as Registry

    before = Registry.get_active_backend()[0]
    yield "_native_math"
    Registry.set_active_backend(before)


@pytest.mark.parametrize("name", ["wan", "hunyuan_video_padded_text", "cosmos1"])
@pytest.mark.parametrize("order", ["the_plan_first", "the_backend_first"])
def test_dense_calls_run_by_the_attention_backend_that_was_chosen(name, order, chosen_backend, monkeypatch):
    from diffusers.models.attention_dispatch import AttentionBackendName, _AttentionBackendRegistry

    case = TINY[name]
    transformer = case.made()
    used = []
    backends = _AttentionBackendRegistry._backends
    chosen = AttentionBackendName(chosen_backend)
    original = backends[chosen]
    monkeypatch.setitem(backends, chosen, lambda **given: used.append(1) or original(**given))
    if order == "the_backend_first":
        transformer.set_attention_backend(chosen_backend)
    with twill_vdit.diffusers.apply_plan(transformer, plans.plan_for(case, dense_above=0.8)) as applied:
        if order == "the_plan_first":
            transformer.set_attention_backend(chosen_backend)
        run(transformer, case.given(0.9))
        dense = len(used)
        used.clear()
        run(transformer, case.given(0.5))
        report = applied.report()
    assert dense - len(used) == case.layers == report.dense[running.BY_PLAN] == report.sparse
    assert report.against == f"diffusers' attention backend {chosen_backend}"


def test_a_backend_of_a_context_is_followed(monkeypatch):
    from diffusers.models.attention_dispatch import attention_backend

    transformer = WAN.made()
    with attention_backend("_native_math"):
        expected = run(transformer, WAN.given())
        out, report = planned(transformer, WAN.given(), plans.dense_plan(WAN))
    assert torch.equal(out, expected) and report.against == "diffusers' attention backend _native_math"


def first_block(pipeline):
    return diffusers.FirstBlockCacheConfig(threshold=1e6)


def pyramid(pipeline):
    return diffusers.PyramidAttentionBroadcastConfig(
        spatial_attention_block_skip_range=2,
        spatial_attention_timestep_skip_range=(-1, 1001),
        current_timestep_callback=lambda: pipeline._current_timestep,
        spatial_attention_block_identifiers=["blocks.*attn1"],
    )


def faster(pipeline):
    return diffusers.FasterCacheConfig(
        spatial_attention_block_skip_range=2,
        spatial_attention_timestep_skip_range=(-1, 950),  # the first step has nothing to repeat
        current_timestep_callback=lambda: pipeline._current_timestep,
        spatial_attention_block_identifiers=["blocks.*attn1"],
        is_guidance_distilled=True,
    )


def taylor(pipeline):
    # Its own identifiers match no module of Wan in diffusers 0.42.1.
    names = [r"blocks\.\d+\.attn1"]
    return diffusers.TaylorSeerCacheConfig(
        cache_interval=2, disable_cache_before_step=1, max_order=1, cache_identifiers=names
    )


def magnitude(pipeline):
    return diffusers.MagCacheConfig(
        threshold=1e6, max_skip_steps=1, num_inference_steps=STEPS, retention_ratio=0.0, mag_ratios=[1.0] * STEPS
    )


CACHES = {"first_block": first_block, "pyramid": pyramid, "faster": faster, "taylor": taylor, "magnitude": magnitude}


@pytest.mark.parametrize("cache", CACHES)
def test_what_a_cache_leaves_out_is_not_counted(cache):
    """Calls that ran are by the plan; forwards of which nothing ran are told, and no reason for dense is made up."""
    pipe = pipelines.wan()
    transformer = pipe.pipeline.transformer
    projected = [0]
    for block in transformer.blocks:
        block.attn1.to_q.register_forward_hook(lambda *_: projected.__setitem__(0, projected[0] + 1))
    transformer.enable_cache(CACHES[cache](pipe.pipeline))
    with twill_vdit.diffusers.apply_plan(pipe.pipeline, plans.plan_for(WAN)) as applied:
        out = pipe()
        report = applied.report()
    assert out.isfinite().all()
    assert report.sparse == projected[0] < STEPS * pipe.forwards * WAN.layers
    assert (report.forwards, dict(report.dense)) == (STEPS * pipe.forwards, {})
    assert all(note.endswith(UNSEEN) for note in report.notes)
    transformer.disable_cache()


def test_a_cache_that_came_first_or_later_gives_the_same():
    results = []
    for first in ("cache", "plan"):
        pipe = pipelines.wan()
        config = first_block(pipe.pipeline)
        if first == "cache":
            pipe.pipeline.transformer.enable_cache(config)
        twill_vdit.diffusers.apply_plan(pipe.pipeline, plans.plan_for(WAN))
        if first == "plan":
            pipe.pipeline.transformer.enable_cache(config)
        results.append(pipe())
    assert torch.equal(*results)


@pytest.mark.parametrize("kind", ["leaf_level", "block_level"])
@pytest.mark.parametrize("order", ["the_plan_first", "offloading_first"])
def test_group_offloading(kind, order):
    pytest.importorskip("accelerate", reason="accelerate is not installed, which group offloading uses")
    from diffusers.hooks import apply_group_offloading

    if Version(diffusers.__version__) < Version("0.42") and torch.accelerator.current_accelerator() is None:
        pytest.skip("group offloading wants an accelerator before diffusers 0.42")
    transformer, given = WAN.made(), WAN.given()
    expected, _ = planned(transformer, given)
    options = {"offload_type": kind} | ({"num_blocks_per_group": 1} if kind == "block_level" else {})
    device = torch.device("cpu")
    applied = twill_vdit.diffusers.apply_plan(transformer, plans.plan_for(WAN)) if order == "the_plan_first" else None
    apply_group_offloading(transformer, onload_device=device, offload_device=device, **options)
    applied = applied or twill_vdit.diffusers.apply_plan(transformer, plans.plan_for(WAN))
    assert torch.equal(run(transformer, given), expected)
    assert applied.report().sparse == WAN.layers
    applied.remove()


@pytest.mark.parametrize("order", ["the_plan_first", "offloading_first"])
def test_model_offloading(order):
    """enable_model_cpu_offload puts accelerate's hook on each model; without a GPU it is put there by hand."""
    accelerate = pytest.importorskip("accelerate", reason="accelerate is not installed")
    pipe = pipelines.wan()
    with twill_vdit.diffusers.apply_plan(pipe.pipeline, plans.plan_for(WAN)):
        expected = pipe()
    applied = None
    if order == "the_plan_first":
        applied = twill_vdit.diffusers.apply_plan(pipe.pipeline, plans.plan_for(WAN))
    _, hook = accelerate.cpu_offload_with_hook(pipe.pipeline.transformer, torch.device("cpu"))
    applied = applied or twill_vdit.diffusers.apply_plan(pipe.pipeline, plans.plan_for(WAN))
    assert torch.equal(pipe(), expected)
    hook.offload()
    assert torch.equal(pipe(), expected) and applied.report().sparse == STEPS * 2 * WAN.layers
    applied.remove()


def test_sequential_offloading_leaves_weights_elsewhere():
    accelerate = pytest.importorskip("accelerate", reason="accelerate is not installed")
    transformer, given = WAN.made(), WAN.given()
    expected, _ = planned(transformer, given)
    applied = twill_vdit.diffusers.apply_plan(transformer, plans.plan_for(WAN))
    accelerate.cpu_offload(transformer, torch.device("cpu"))
    assert next(transformer.parameters()).device.type == "meta"
    assert torch.equal(run(transformer, given), expected) and applied.report().sparse == WAN.layers


def test_layerwise_casting():
    transformer, given = WAN.made(), WAN.given()
    transformer.enable_layerwise_casting(storage_dtype=torch.bfloat16, compute_dtype=torch.float32)
    plain = run(transformer, given)
    out, report = planned(transformer, given)
    assert report.sparse == WAN.layers and not torch.equal(out, plain)
    assert torch.equal(run(transformer, given), plain)


def test_lora_is_loaded_scaled_and_fused_under_a_plan():
    peft = pytest.importorskip("peft", reason="peft is not installed")
    transformer, given = WAN.made(), WAN.given()
    applied = twill_vdit.diffusers.apply_plan(transformer, plans.plan_for(WAN))
    without = run(transformer, given)
    config = peft.LoraConfig(r=2, init_lora_weights=False, target_modules=["to_q", "to_k", "to_v", "to_out.0"])
    torch.manual_seed(0)
    transformer.add_adapter(config)
    with_lora = run(transformer, given)
    assert not torch.allclose(with_lora, without)
    applied.remove()
    again, report = planned(transformer, given)
    assert torch.equal(again, with_lora) and report.sparse == WAN.layers


def test_quantised_linear_layers():
    transformer, given = WAN.made(), WAN.given()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch has others now, in a package of their own
        for block in transformer.blocks:
            block.attn1 = torch.ao.quantization.quantize_dynamic(block.attn1, {torch.nn.Linear}, dtype=torch.qint8)
    assert type(transformer.blocks[0].attn1.to_q) is not torch.nn.Linear
    plain = run(transformer, given)
    out, report = planned(transformer, given)
    assert report.sparse == WAN.layers and not torch.equal(out, plain)
    assert torch.equal(run(transformer, given), plain)


@pytest.mark.parametrize("name", ["wan", "cogvideox"])
@pytest.mark.parametrize("order", ["the_plan_first", "fused_first"])
def test_fused_projections(name, order):
    """CogVideoX gets other processors by it, one object for all layers."""
    case = TINY[name]
    transformer, given = case.made(), case.given()
    expected, _ = planned(transformer, given, plans.plan_for(case))
    applied = None
    if order == "the_plan_first":
        applied = twill_vdit.diffusers.apply_plan(transformer, plans.plan_for(case))
    transformer.fuse_qkv_projections()
    applied = applied or twill_vdit.diffusers.apply_plan(transformer, plans.plan_for(case))
    torch.testing.assert_close(run(transformer, given), expected)
    assert applied.report().sparse == case.layers
    transformer.unfuse_qkv_projections()
    torch.testing.assert_close(run(transformer, given), expected)
    applied.remove()
    assert not any(hasattr(type(each), "_twill_original") for each in transformer.attn_processors.values())


def test_one_processor_object_for_all_attention_keeps_cross_attention_apart():
    from diffusers.models.transformers.transformer_wan import WanAttnProcessor

    transformer, given = WAN.made(), WAN.given()
    expected, _ = planned(transformer, given)
    transformer.set_attn_processor(WanAttnProcessor())
    out, report = planned(transformer, given)
    assert torch.equal(out, expected) and report.calls == WAN.layers


def test_a_processor_of_the_users_own_runs_as_before_and_is_told():
    class Doubled:
        def __call__(self, attn, hidden_states, *args, **kwargs):
            return 2.0 * hidden_states

    transformer, given = WAN.made(), WAN.given()
    transformer.blocks[0].attn1.set_processor(Doubled())
    plain = run(transformer, given)
    out, report = planned(transformer, given)
    reason = "the attention processor Doubled is not served: it calls no attention that Twill knows"
    assert (dict(report.dense), report.sparse) == ({reason: 1}, WAN.layers - 1)
    assert reason in report.warning() and not torch.equal(out, plain)
    assert torch.equal(run(transformer, given), plain)


def test_a_forward_with_gradients_is_dense():
    transformer = WAN.made()
    given = WAN.given()
    given["hidden_states"].requires_grad_(True)
    with twill_vdit.diffusers.apply_plan(transformer, plans.plan_for(WAN)) as applied:
        transformer(**given)[0].sum().backward()
        report = applied.report()
    assert given["hidden_states"].grad.abs().sum() > 0
    assert dict(report.dense) == {"gradients do not go through a plan": WAN.layers}


def test_copies_and_pickles_of_a_transformer_are_without_the_plan():
    transformer, given = WAN.made(), WAN.given()
    plain = run(transformer, given)
    with twill_vdit.diffusers.apply_plan(transformer, plans.plan_for(WAN)) as applied:
        copied = copy.deepcopy(transformer)
        processor = pickle.loads(pickle.dumps(transformer.blocks[0].attn1.processor))
        assert torch.equal(run(copied, given), plain)
        assert applied.report().calls == 0
    assert not hasattr(type(processor), "_twill_original")


def test_gradient_checkpointing_of_the_users_training_is_left_alone():
    transformer = WAN.made().train()
    transformer.enable_gradient_checkpointing()
    given = WAN.given()
    given["hidden_states"].requires_grad_(True)
    with twill_vdit.diffusers.apply_plan(transformer, plans.plan_for(WAN)):
        transformer(**given)[0].sum().backward()
    assert given["hidden_states"].grad.isfinite().all()


def test_a_pipeline_that_is_gone_is_not_held():
    import gc
    import weakref

    pipe = pipelines.wan()
    applied = twill_vdit.diffusers.apply_plan(pipe.pipeline, plans.plan_for(WAN))
    pipe()
    gone = weakref.ref(pipe.pipeline.transformer)
    del pipe
    gc.collect()
    assert gone() is None
    applied.remove()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(dtype):
    transformer = WAN.made().to(dtype)
    given = {name: x.to(dtype) if name != "timestep" and torch.is_tensor(x) else x for name, x in WAN.given().items()}
    out, report = planned(transformer, given)
    expected, _ = planned(WAN.made(), WAN.given())
    assert out.dtype == dtype and report.sparse == WAN.layers
    assert (out.float() - expected).abs().max() < 32 * torch.finfo(dtype).eps * expected.abs().max()
