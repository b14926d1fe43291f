# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What a head adds to the stream is what a block adds of which everything else is silenced, in whole pipelines."""

import contextlib
from dataclasses import replace

import diffusers
import diffusers.hooks
import pytest
import torch
from packaging.version import Version
from tiny_picture_pipelines import PICTURE_PIPELINES
from tiny_pipelines import PIPELINES

from twill_vdit.diffusers.networks import network_of
from twill_vdit.diffusers.searching.clips import ClipEnded
from twill_vdit.diffusers.searching.gains import added_by_heads, can_ask, head_gains, sampled
from twill_vdit.diffusers.searching.watching import Watch

EVERY = {**PIPELINES, **PICTURE_PIPELINES}
STACKS = [(name, stack) for name in EVERY for stack in range(2 if name in ("hunyuan_video", "wan_vace") else 1)]
BESIDE = ("attn2", "cross_attention", "ff", "ffn", "feed_forward", "audio_to_video_attn")  # that a block adds too


def block_of(pipe, stack):
    transformer = pipe.pipeline.transformer
    return network_of(transformer).blocks(transformer)[stack][1][0]


def projection_of(pipe, stack):
    stack_of, blocks = network_of(pipe.pipeline.transformer).blocks(pipe.pipeline.transformer)[stack]
    return stack_of.residual.projection(blocks[0], getattr(blocks[0], stack_of.attention))


def silence_the_rest(pipe, stack):
    """Only heads are left to be added: no bias, no text, no MLP."""
    block, projection = block_of(pipe, stack), projection_of(pipe, stack)
    with torch.no_grad():
        if projection.bias is not None:
            projection.bias.zero_()
        projection.weight[:, 32:] = 0.0  # of a single block's MLP
        for name in BESIDE:
            for parameter in getattr(block, name, torch.nn.Module()).parameters():
                parameter.zero_()


def stream_of(output):
    """[batch, tokens, dim] of what a block returns: beside text or sound, or with rows and columns apart."""
    if isinstance(output, tuple):
        output = output[1] if output[0] is None or output[0].shape == output[1].shape else output[0]
    return output.flatten(1, -2)


class Ended(ClipEnded):
    pass


def first_step(pipe, stack, on_branch=lambda *seen: None):
    """The block's streams after each forward of the first step.

    on_branch: (number of the forward, seen, branch, its part of the call).
    """
    streams = []
    hook = block_of(pipe, stack).register_forward_hook(lambda module, args, out: streams.append(stream_of(out)))

    def on_call(seen):
        if len(streams) == pipe.forwards:
            raise Ended
        if seen.site == (stack, 0):
            for branch, rows in seen.call.rows_of(seen.branches):
                call = seen.call
                part = replace(call, q=call.q[rows], k=call.k[rows], v=call.v[rows])
                on_branch(len(streams), seen, branch, part)

    transformer = pipe.pipeline.transformer
    with Watch(pipe.pipeline, [(transformer, network_of(transformer))], on_call), contextlib.suppress(Ended):
        pipe(num_inference_steps=2)
    hook.remove()
    return streams


@pytest.mark.parametrize(("name", "stack"), STACKS, ids=[f"{name}-{stack}" for name, stack in STACKS])
def test_heads_add_up_to_what_the_block_adds(name, stack):
    pipe = EVERY[name]()
    silence_the_rest(pipe, stack)
    frames, rows, cols = pipe.case.grid
    tokens, prefix = frames * rows * cols, pipe.case.prefix
    at = sampled(tokens)
    measured = []

    def measure(number, seen, branch, part):
        q = part.q[:1].index_select(2, prefix + at)
        heads = torch.nn.functional.scaled_dot_product_attention(q, part.k[:1], part.v[:1], scale=part.scale)[0]
        row = seen.row_of(branch)
        added = torch.cat(added_by_heads(heads, seen.block, row, at, tokens))
        measured.append((number, row, added, head_gains(part, prefix, tokens, seen.block, row)))

    after = first_step(pipe, stack, measure)
    with torch.no_grad():
        projection_of(pipe, stack).weight.zero_()
    before = first_step(pipe, stack)
    assert len(measured) >= 2 or pipe.forwards * pipe.batch == 1, "the halves of the guidance"
    for number, row, added, gains in measured:
        stream = before[number][row].index_select(0, at)
        moved = after[number][row].index_select(0, at) - stream
        assert moved.norm() > 0.01 * stream.norm(), "nothing was added"
        torch.testing.assert_close(added.sum(0), moved, rtol=1e-3, atol=1e-4 * float(moved.abs().max()))
        expected = (added.square().sum((1, 2)) / stream.square().sum()).tolist()
        assert gains == pytest.approx(expected, rel=1e-3)


def test_gated_heads_weigh_as_much_as_their_gates_let_through():
    """LTX-2's newest transformers multiply each head by a gate of its own."""
    import tiny_picture_pipelines as pictures
    from tiny_transformers import TINY

    pipe = pictures.ltx2()
    case = replace(TINY["ltx2"], config={**TINY["ltx2"].config, "gated_attn": True})
    pipe.pipeline.transformer = case.made()
    silence_the_rest(pipe, 0)
    at = sampled(288)
    measured = []

    def measure(number, seen, branch, part):
        heads = torch.nn.functional.scaled_dot_product_attention(part.q[:1].index_select(2, at), part.k[:1], part.v[:1])
        assert seen.block.head_gates is not None
        measured.append((seen.row_of(branch), sum(added_by_heads(heads[0], seen.block, seen.row_of(branch), at, 288))))

    after = first_step(pipe, 0, measure)[0]
    with torch.no_grad():
        projection_of(pipe, 0).weight.zero_()
    before = first_step(pipe, 0)[0]
    for row, added in measured:
        moved = (after - before)[row].index_select(0, at)
        torch.testing.assert_close(added.sum(0), moved, rtol=1e-3, atol=1e-4 * float(moved.abs().max()))


def test_where_layers_are_offloaded_one_by_one_heads_are_weighed_by_their_output():
    """Group offloading notes the order of the layers' calls; a call of ours would stand in it."""
    if Version(diffusers.__version__) < Version("0.42") and torch.accelerator.current_accelerator() is None:
        pytest.skip("group offloading wants an accelerator before diffusers 0.42")
    pipe = EVERY["wan"]()
    transformer = pipe.pipeline.transformer
    assert can_ask(network_of(transformer), transformer)
    diffusers.hooks.apply_group_offloading(
        transformer, onload_device=torch.device("cpu"), offload_device=torch.device("cpu"), offload_type="leaf_level"
    )
    assert not can_ask(network_of(transformer), transformer)
    shares = []

    def measure(number, seen, branch, part):
        assert seen.block is None
        shares.append(head_gains(part, 0, 288, seen.block, seen.row_of(branch)))

    first_step(pipe, 0, measure)
    assert all(sum(each) == pytest.approx(1.0) for each in shares) and len(shares) == 2
