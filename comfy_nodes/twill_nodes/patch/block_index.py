# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Which block of the network an attention call belongs to.

Some networks write it into transformer_options. For the others hooks on the blocks write it into the running forward;
they are installed for one forward and removed after it, whatever happens.
"""

import contextlib

from . import forward as forwards


def from_options(options: dict) -> tuple[int, int] | None:
    """(stack, layer); "single" blocks of HunyuanVideo are the second stack and count from 0 again."""
    index = options.get("block_index")
    if index is None:
        return None
    return (1 if options.get("block_type") == "single" else 0), index


def _enter_block(stack: int, layer: int):
    def hook(module, args):
        forward = forwards.current()
        if forward is not None:
            forward.block = (stack, layer)

    return hook


def _leave_block(module, args, output):
    forward = forwards.current()
    if forward is not None:
        forward.block = None


@contextlib.contextmanager
def hooks_on(stacks):
    """stacks: lists of blocks, one list per stack."""
    handles = []
    try:
        for stack, blocks in enumerate(stacks):
            for layer, block in enumerate(blocks):
                handles.append(block.register_forward_pre_hook(_enter_block(stack, layer)))
                handles.append(block.register_forward_hook(_leave_block))
        yield
    finally:
        for handle in handles:
            handle.remove()
