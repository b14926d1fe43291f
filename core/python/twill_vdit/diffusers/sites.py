# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Stands in the self-attention of a transformer: what each call is, and who answers it.

A module's processor stays the object that it was, of a class whose attention comes here (attention_source.py): what
diffusers keeps in it (set_attention_backend, parallelism) is where it is looked for. The module is marked with its
number; processors may be shared, also with cross-attention, which has no number and goes on as before.

In eager code the call is served at once. Compiled code has an operator in its place, which serves when it runs: a
graph holds for all t, for all blocks and whatever the plan says, and counts are those of what ran.
"""

import importlib
import inspect
import itertools
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch

from twill_vdit.diffusers.attention_source import handing_class, original_class
from twill_vdit.running import Site

_NUMBER = "_twill_site"  # the attribute of a module of attention that is served


@dataclass(frozen=True)
class HostCall:
    """One call of a network's self-attention, as diffusers makes it.

    Attributes:
        q: [batch, tokens, heads, head_dim], or [batch, heads, tokens, head_dim] where heads_first.
        k: as q.
        v: as q.
        mask: as it was given; broadcasts to [batch, heads, tokens, tokens].
        heads_first: the order of the axes of q, k, v and of what is given back.
        plain: it has neither dropout nor a causal order.
        grouped: k and v may have fewer heads.
        scale: of q k^T; None: 1/sqrt(head_dim).
        backend: of diffusers, that dense attention runs by here; empty: the one that is active.
        parallel: diffusers' configuration, where the tokens stand on several devices; None: all are here.
        attend: diffusers' own attention, of (q, k, v, mask).
    """

    q: torch.Tensor
    k: torch.Tensor
    v: torch.Tensor
    mask: Any
    heads_first: bool
    plain: bool
    grouped: bool
    scale: float | None
    backend: str
    parallel: Any
    attend: Callable[[torch.Tensor, torch.Tensor, torch.Tensor, Any], torch.Tensor]

    def dense(self) -> torch.Tensor:
        """What diffusers does with it."""
        return self.attend(self.q, self.k, self.v, self.mask)

    @property
    def tokens(self) -> int:
        """Of q."""
        return self.q.shape[2 if self.heads_first else 1]

    def first_tokens(self, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """q, k and v of the first tokens."""
        q, k, v = (x.narrow(2 if self.heads_first else 1, 0, count) for x in (self.q, self.k, self.v))
        return q, k, v

    def part(self, rows: slice) -> "HostCall":
        """Of some clips of the batch."""
        of_each = isinstance(self.mask, torch.Tensor) and self.mask.shape[0] == self.q.shape[0]
        mask = self.mask[rows] if of_each else self.mask
        return replace(self, q=self.q[rows], k=self.k[rows], v=self.v[rows], mask=mask)


class Host(Protocol):
    """Who answers calls."""

    @property
    def parallel_config(self) -> Any:
        """Of the transformer, as HostCall.parallel."""

    def serve(self, site: Site, call: HostCall) -> torch.Tensor:
        """One call, in q's order of axes."""


@dataclass(frozen=True)
class _Place:
    host: "weakref.ref[Any]"
    site: Site


_places: dict[int, _Place] = {}
_numbers = itertools.count(2)


def _serve(number: int, call: HostCall) -> torch.Tensor:
    place = _places.get(number)
    host = None if place is None else place.host()
    # A model that was copied while a plan was on it has numbers that nobody answers any more.
    return call.dense() if host is None or place is None else host.serve(place.site, call)


def _named(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    attention_kwargs: Any = None,
    *,
    backend: Any = None,
    parallel_config: Any = None,
) -> tuple[Any, ...]:
    """dispatch_attention_fn's arguments, of which F.scaled_dot_product_attention's are the first."""
    options = dropout_p, is_causal, scale, enable_gqa, attention_kwargs, backend, parallel_config
    return (query, key, value, attn_mask, *options)


def _hand_over(
    attn: torch.nn.Module, heads_first: bool, attention: Callable[..., Any], *args: Any, **kwargs: Any
) -> Any:
    """In place of `attention` in the processors of diffusers; traced by torch.compile."""
    number = getattr(attn, _NUMBER, None)
    if number is None:
        return attention(*args, **kwargs)
    q, k, v, mask, dropout, causal, scale, grouped, more, backend, parallel = _named(*args, **kwargs)
    if more:
        return attention(*args, **kwargs)
    name = "" if backend is None else str(getattr(backend, "value", backend))
    if torch.compiler.is_compiling():
        if (torch.is_grad_enabled() and q.requires_grad) or not (mask is None or isinstance(mask, torch.Tensor)):
            return attention(*args, **kwargs)
        return _operator(
            q, k, v, mask, number, heads_first, dropout, causal, scale, grouped, name, parallel is not None
        )

    def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: Any) -> torch.Tensor:
        changed = {"attn_mask": mask} if len(args) < 4 else {}
        rest = args[3:] if len(args) < 4 else (mask, *args[4:])
        given = {name: x for name, x in kwargs.items() if name not in ("query", "key", "value")}
        out: torch.Tensor = attention(q, k, v, *rest, **{**given, **changed})
        return out

    plain = not causal and not dropout
    return _serve(int(number), HostCall(q, k, v, mask, heads_first, plain, grouped, scale, name, parallel, attend))


def dispatch() -> Any:
    """diffusers' module of attention backends."""
    return importlib.import_module("diffusers.models.attention_dispatch")


def _served(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    mask: torch.Tensor | None,
    number: torch.Tensor,
    heads_first: bool,
    dropout: float,
    causal: bool,
    scale: float | None,
    grouped: bool,
    backend: str,
    is_parallel: bool,
) -> torch.Tensor:
    # A configuration is no argument of an operator; the transformer's processors have it all.
    place = _places.get(int(number))
    host = None if place is None else place.host()
    parallel = host.parallel_config if is_parallel and host is not None else None

    def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: Any) -> torch.Tensor:
        options: dict[str, Any] = {"attn_mask": mask, "dropout_p": dropout, "is_causal": causal, "scale": scale}
        if heads_first:
            return torch.nn.functional.scaled_dot_product_attention(q, k, v, **options, enable_gqa=grouped)
        # Outside of compiled code diffusers wants its own names.
        name = dispatch().AttentionBackendName(backend) if backend else None
        options |= {"enable_gqa": grouped, "backend": name, "parallel_config": parallel}
        out: torch.Tensor = dispatch().dispatch_attention_fn(q, k, v, **options)
        return out

    plain = not causal and not dropout
    call = HostCall(q, k, v, mask, heads_first, plain, grouped, scale, backend, parallel, attend)
    # The fake kernel promises plain memory of its own.
    out = _serve(int(number), call).contiguous()
    return out.clone() if out.data_ptr() in (q.data_ptr(), k.data_ptr(), v.data_ptr()) else out


# Its decisions are Python's, so torch's own CUDA graphs leave it out; versions before 2.7 have no such tag.
_TAGS = tuple(getattr(torch._C.Tag, tag) for tag in ("cudagraph_unsafe",) if hasattr(torch._C.Tag, tag))
_OPTIONS: dict[str, Any] = {"tags": _TAGS} if "tags" in inspect.signature(torch.library.custom_op).parameters else {}
_operator = torch.library.custom_op("twill_vdit::served_attention", _served, mutates_args=(), **_OPTIONS)


@_operator.register_fake
def _(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    mask: torch.Tensor | None,
    number: torch.Tensor,
    heads_first: bool,
    dropout: float,
    causal: bool,
    scale: float | None,
    grouped: bool,
    backend: str,
    is_parallel: bool,
) -> torch.Tensor:
    return q.new_empty((*q.shape[:-1], v.shape[-1]))


class Sites:
    """The self-attention of one transformer, answered by a host.

    Attributes:
        unserved: why some modules are not answered -> how many; they run as before.
    """

    def __init__(self, stacks: Sequence[Sequence[torch.nn.Module]], host: Host) -> None:
        """Nothing is changed before take().

        Args:
            stacks: the modules of self-attention, by stack and layer.
            host: is held weakly.
        """
        self._modules = [
            (weakref.ref(module), (stack, layer))
            for stack, modules in enumerate(stacks)
            for layer, module in enumerate(modules)
        ]
        self._host = weakref.ref(host)
        self._numbers: dict[Site, int] = {}
        self._changed: list[weakref.ref[Any]] = []
        self.unserved: dict[str, int] = {}

    def take(self) -> None:
        """All calls come here from now on; again before each forward, as processors may have been replaced."""
        self.unserved = {}
        for reference, site in self._modules:
            module = reference()
            if module is None:
                continue
            why = self._take(module, site)
            if why:
                self.unserved[why] = self.unserved.get(why, 0) + 1

    def _take(self, module: Any, site: Site) -> str:
        processor = module.processor
        before: Any = type(processor)
        if original_class(before) is before:
            cls = handing_class(before, _hand_over)
            if isinstance(cls, str):
                return cls
            try:
                processor.__class__ = cls
            except TypeError:
                return f"the attention processor {type(processor).__name__} is not served: its class cannot be changed"
            self._changed.append(weakref.ref(processor))
        if getattr(module, _NUMBER, None) is None:
            self._numbers[site] = next(_numbers)
            _places[self._numbers[site]] = _Place(self._host, site)
            # A number would be frozen in compiled code, and each block compiled anew for its own.
            setattr(module, _NUMBER, torch.tensor(self._numbers[site]))
        return ""

    def leave(self) -> None:
        """All is as it was."""
        for reference, _ in self._modules:
            module = reference()
            if module is not None and hasattr(module, _NUMBER):
                delattr(module, _NUMBER)
        for changed in self._changed:
            processor = changed()
            if processor is not None:
                processor.__class__ = original_class(type(processor))
        for number in self._numbers.values():
            _places.pop(number, None)
        self._changed, self._numbers = [], {}

    @property
    def parallel_config(self) -> Any:
        """Of diffusers, where the tokens of a call stand on several devices; else None."""
        modules = (reference() for reference, _ in self._modules)
        found = (getattr(getattr(module, "processor", None), "_parallel_config", None) for module in modules)
        return next((config for config in found if config is not None), None)

    @property
    def chosen_backend(self) -> str:
        """What the user chose for attention in diffusers; empty: nothing but the default."""
        for reference, _ in self._modules:
            module = reference()
            chosen = getattr(getattr(module, "processor", None), "_attention_backend", None)
            if chosen is not None:
                return str(getattr(chosen, "value", chosen))
            break
        return active_backend()


def active_backend() -> str:
    """The process's choice (set_attention_backend, attention_backend, DIFFUSERS_ATTN_BACKEND); empty: the default."""
    names = dispatch().AttentionBackendName
    active = dispatch()._AttentionBackendRegistry.get_active_backend()[0]
    return "" if active == names.NATIVE else str(getattr(active, "value", active))
