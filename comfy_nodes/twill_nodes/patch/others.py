# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Nodes that attend in the plan's place: what they are called, and what helps."""

from collections.abc import Callable

# Core's Model Sparse Attention is known by the key of its callback, as read in its file at 01dafad.
SPARSE_NODE = "block_sparse_attention"
TAKEN = "another node's attention took them"


class Others:
    """Of one model. sparse_node: core's Model Sparse Attention is on it, which puts itself on top in each step."""

    def __init__(self, patcher) -> None:
        from comfy.patcher_extension import CallbacksMP

        kind = getattr(CallbacksMP, "ON_PREPARE_STATE", None)
        callbacks = getattr(patcher, "callbacks", {}).get(kind, {})
        self.sparse_node = SPARSE_NODE in callbacks
        self._network = type(patcher.get_model_object("diffusion_model")).__name__
        options = patcher.model_options.get("transformer_options", {})
        # Whether the plan is what the model is given with: then what replaces it does so in each step.
        self._plan_is_last = _is_ours(options.get("optimized_attention_override"))

    @property
    def why_no_calls(self) -> str:
        """A sentence, where no call of a run was seen."""
        return (
            "No call of self-attention reached the plan: another node put functions of its own into the model, or "
            f"{self._network} does not ask for patches of attention."
        )

    @property
    def advice(self) -> str:
        """A sentence."""
        if self.sparse_node:
            return "Model Sparse Attention puts itself before the plan in each step; remove Model Sparse Attention."
        if self._plan_is_last:
            return "A node replaces the attention in each step, wherever it stands; remove it to use the plan."
        return "Another node replaced the attention after Apply Sparse Plan; put Apply Sparse Plan after that node."

    def took(self, override: Callable | None) -> str:
        """Why calls did not come, for the report. override: that was there in a forward."""
        if self.sparse_node:
            return f"{TAKEN} (Model Sparse Attention)"
        function = getattr(override, "func", override)  # of functools.partial
        name = getattr(function, "__qualname__", type(function).__name__).removesuffix(".<locals>.<lambda>")
        module = getattr(function, "__module__", None) or type(function).__module__
        return f"{TAKEN} ({name} of {module.rpartition('.')[2]})"


def _is_ours(override) -> bool:
    from .override import Override

    return isinstance(override, Override)
