# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A processor's class with the attention that it calls handed to us, and all else as diffusers has it.

Processors project, normalise and rotate, and then call dispatch_attention_fn or F.scaled_dot_product_attention, which
are names of their modules: to replace those would change every pipeline of the process. So `__call__` is compiled once
more from its source, with `attention(query, ...)` written as `hand_over(attn, attention, query, ...)`. It keeps its
module's globals, its file and its line numbers, and torch.compile sees an ordinary function.
"""

import __future__

import ast
import functools
import inspect
import operator
import textwrap
import types
from collections.abc import Callable
from typing import Any

# What processors call -> whether q, k and v are [batch, heads, tokens, head_dim] there; else tokens come before heads.
HEADS_FIRST = {"dispatch_attention_fn": False, "scaled_dot_product_attention": True}

_FUTURE = functools.reduce(
    operator.or_, (getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)
)

# (the module, heads first, what is called, its arguments) -> what it gives.
HandOver = Callable[..., Any]


class _Handing(ast.NodeTransformer):
    def __init__(self, module: str) -> None:
        self._module = module  # the name of the argument that is the module of attention
        self.count = 0

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called not in HEADS_FIRST:
            return node
        self.count += 1
        given = [ast.Name(self._module, ast.Load()), ast.Constant(HEADS_FIRST[called]), node.func, *node.args]
        handed = ast.Call(ast.Name("__hand_over", ast.Load()), given, node.keywords)
        return ast.copy_location(handed, node)


def _rewritten(call: types.FunctionType, hand_over: HandOver) -> types.FunctionType | str:
    """`__call__` anew, or in words why not."""
    try:
        lines, first = inspect.getsourcelines(call)
    except (OSError, TypeError):
        return "its source is not there"
    if call.__closure__:
        return "it is made in a function"
    tree = ast.parse(textwrap.dedent("".join(lines)))
    definition = tree.body[0]
    if not isinstance(definition, ast.FunctionDef) or definition.decorator_list or len(definition.args.args) < 2:
        return "it is not a plain method"
    handing = _Handing(definition.args.args[1].arg)
    definition.body = [handing.visit(statement) for statement in definition.body]
    if not handing.count:
        return "it calls no attention that Twill knows"
    # Defaults and notes are taken over below; written out they would be evaluated once more.
    arguments = definition.args
    arguments.defaults = [ast.Constant(None) for _ in arguments.defaults]
    arguments.kw_defaults = [default and ast.Constant(None) for default in arguments.kw_defaults]
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg):
        if argument is not None:
            argument.annotation = None
    definition.returns = None
    made = "def __make(__hand_over):\n  pass"
    maker = ast.parse(made)
    outer = maker.body[0]
    assert isinstance(outer, ast.FunctionDef)
    outer.body = [definition, ast.Return(ast.Name(definition.name, ast.Load()))]
    ast.increment_lineno(definition, first - 1)
    ast.fix_missing_locations(maker)
    flags = call.__code__.co_flags & _FUTURE
    code = compile(maker, call.__code__.co_filename, "exec", flags, dont_inherit=True)
    found: dict[str, Any] = {}
    exec(code, call.__globals__, found)  # the file's own code, in the file's own globals; nothing is left in them
    rewritten: types.FunctionType = found["__make"](hand_over)
    rewritten.__defaults__ = call.__defaults__
    rewritten.__kwdefaults__ = call.__kwdefaults__
    rewritten.__annotations__ = dict(call.__annotations__)
    rewritten.__qualname__ = call.__qualname__
    rewritten.__module__ = call.__module__
    return rewritten


@functools.cache
def handing_class(cls: Any, hand_over: HandOver) -> type | str:
    """A processor's class whose attention is handed over, or in words why there is none.

    It has the name of the original and is derived from it. Copies and pickles of its objects are of the original.

    Args:
        cls: of a processor.
        hand_over: is called in place of the attention.
    """
    call = inspect.getattr_static(cls, "__call__", None)
    if not isinstance(call, types.FunctionType):
        return f"the attention processor {cls.__name__} is not served: it is not called by a method of its own"
    rewritten = _rewritten(call, hand_over)
    if isinstance(rewritten, str):
        return f"the attention processor {cls.__name__} is not served: {rewritten}"

    def reduced(self: object, protocol: object) -> tuple[Any, ...]:
        return _empty, (cls,), dict(self.__dict__)

    body = {
        "__call__": rewritten,
        "__reduce_ex__": reduced,
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "_twill_original": cls,
    }
    return type(cls.__name__, (cls,), body)


def _empty(cls: type) -> object:
    """An object of a class, for copies and pickles."""
    return object.__new__(cls)


def original_class(cls: type) -> type:
    """Of a class that handing_class made; others are their own."""
    original: type = cls.__dict__.get("_twill_original", cls)
    return original
