# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Values of result files by short expressions, which pages carry in comments beside the numbers that they print.

An expression is written like Python and can do this:

    demo                      tests/bench/results/demo.json; `policies` is the folder, `demo_model` metrics.json
    cpu_bf16                  what SHORT has under that name
    demo.psnr_db              a key; of a list it takes the key of every element
    policies['density_0.25_20_steps']   a key that is no word
    demo.rows[3]  [1:]        an element, some elements
    transfer.points[used_at == '320x192x33']   the elements for which that holds
    + - * / **                of numbers, and of lists element by element
    median mean min max sum len both sqrt log10 values flat spearman fit_rms number_before

`both` is the least and the greatest of a list: the two numbers of a printed range; `fit_rms` is how far points lie from
the straight line that fits them best; `number_before(text, "s")` reads a text. A list stands for as many numbers.
"""

import ast
import functools
import json
import math
import operator
import re
import statistics
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "tests" / "bench" / "results"
OTHER_FILES = {
    "demo_model": ROOT / "presets" / "demo" / "metrics.json",
    "demo_preview": ROOT / "presets" / "demo" / "preview.json",
    "demo_search": ROOT / "presets" / "demo" / "plan.search.json",
}
# What pages ask for often.
SHORT = {
    "cpu_bf16": "flat(attention.results[dtype == 'BFloat16'].calls)",
    "hunyuan_h200": "cuda_h200.attention[shape == 'hunyuan-720p']",
    "gathers_h200": "cuda_h200.attention[case in ['multi_diagonal', 'window']].gather",
    "head_dim_128_dense": "kernels_h200.attention[case == 'dense'][:3]",
    "hopper_dense": "hopper_h200.attention[case == 'dense']",
    "hopper_lists": "hopper_h200.attention[case in ['band 0.28', 'band 0.10', 'random 0.30', 'random 0.10']]",
    "hopper_ordered": "hopper_h200.attention[case in ['multi_diagonal', 'window', 'mixed']]",
    "int8_dense": "int8_h200.attention[case == 'dense' and inputs == 'normal']",
    "int8_errors": "int8_h200.attention[case == 'dense']",
    "int8_lists": "int8_h200.attention[case != 'dense'][:18]",
    "int8_128": "int8_h200.attention[shape in ['hunyuan-720p', 'wan-14b-720p', 'wan-1.3b-480p']][inputs == 'normal']",
    "kernels_128": "kernels_h200.attention[shape in ['hunyuan-720p', 'wan-14b-720p', 'wan-1.3b-480p']]",
    "rules": "flat(values(policies).policies)",
    "factors": "flat(values(policies).contrasts)",
    "of_presets": "values(presets.presets)",
    "short_clip": "transfer.points[used_at == '320x192x33']",
    "long_clip": "transfer.points[used_at == '256x256x81']",
    "comfy_short_clip": "comfy_other_size.other_size.variants",
    "adapting_wan_14b": "adapting_h200.shapes[shape == 'wan-14b'][0].of_run",
}


@functools.cache
def read(name: str):
    """A result file, or of a folder of them a dictionary by the stem of the name."""
    file = OTHER_FILES.get(name, RESULTS / f"{name}.json")
    if file.is_file():
        return json.loads(file.read_text(encoding="utf-8"))
    folder = RESULTS / name
    if not folder.is_dir():
        raise LookupError(f"there is no result file {name}.json")
    return {each.stem: json.loads(each.read_text(encoding="utf-8")) for each in sorted(folder.glob("*.json"))}


def ranks(values: list) -> list[float]:
    """1 for the least; equal values share the mean of theirs."""
    order = sorted(values)
    return [order.index(value) + (order.count(value) + 1) / 2 for value in values]


def spearman(one: list, other: list) -> float:
    return statistics.correlation(ranks(one), ranks(other))


def fit_rms(x: list[float], y: list[float]) -> float:
    slope, intercept = statistics.linear_regression(x, y)
    return math.sqrt(statistics.fmean((b - slope * a - intercept) ** 2 for a, b in zip(x, y, strict=True)))


def number_before(text: str, unit: str) -> float:
    return float(re.search(rf"(\d+(?:\.\d+)?) {re.escape(unit)}\b", text).group(1))


def flat(value) -> list:
    return [each for part in value for each in flat(part)] if isinstance(value, list) else [value]


def each_of(value, work):
    return [each_of(part, work) for part in value] if isinstance(value, list) else work(value)


FUNCTIONS = {
    "median": lambda values: statistics.median(flat(values)),
    "mean": lambda values: statistics.fmean(flat(values)),
    "min": lambda values: min(flat(values)),
    "max": lambda values: max(flat(values)),
    "sum": lambda values: sum(flat(values)),
    "len": lambda values: len(flat(values)),
    "both": lambda values: [min(flat(values)), max(flat(values))],
    "sqrt": lambda value: each_of(value, math.sqrt),
    "log10": lambda value: each_of(value, math.log10),
    "values": lambda found: list(found.values()),
    "flat": flat,
    "spearman": lambda one, other: spearman(flat(one), flat(other)),
    "fit_rms": lambda x, y: fit_rms(flat(x), flat(y)),
    "number_before": lambda value, unit: each_of(value, lambda text: number_before(text, unit)),
}
OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
COMPARISONS = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda one, others: one in others,
    ast.NotIn: lambda one, others: one not in others,
}


def named(name: str):
    return value_of(SHORT[name]) if name in SHORT else read(name)


def key_of(value, key: str):
    if isinstance(value, list):
        return [key_of(each, key) for each in value]
    if not isinstance(value, dict) or key not in value:
        raise LookupError(f"there is no {key!r}")
    return value[key]


def by_element(work, one, other):
    if isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            raise ValueError(f"lists of {len(one)} and {len(other)} elements")
        return [by_element(work, a, b) for a, b in zip(one, other, strict=True)]
    if isinstance(one, list):
        return [by_element(work, each, other) for each in one]
    if isinstance(other, list):
        return [by_element(work, one, each) for each in other]
    return work(one, other)


def holds(test: ast.Compare | ast.BoolOp, element) -> bool:
    if isinstance(test, ast.BoolOp):
        found = [holds(each, element) for each in test.values]
        return all(found) if isinstance(test.op, ast.And) else any(found)
    return COMPARISONS[type(test.ops[0])](evaluate(test.left, element), evaluate(test.comparators[0], element))


def subscript(node: ast.Subscript, element):
    value, at = evaluate(node.value, element), node.slice
    if isinstance(at, ast.Compare | ast.BoolOp):
        found = [each for each in value if holds(at, each)]
        if not found:
            raise LookupError(f"nothing has {ast.unparse(at)}")
        return found
    if isinstance(at, ast.Slice):
        first, end = (None if bound is None else evaluate(bound, element) for bound in (at.lower, at.upper))
        return value[first:end]
    index = evaluate(at, element)
    return key_of(value, index) if isinstance(index, str) else value[index]


def evaluate(node: ast.AST, element=None):
    """element: of a filter, whose bare names are its keys."""
    match node:
        case ast.Constant():
            return node.value
        case ast.List() | ast.Tuple():
            return [evaluate(each, element) for each in node.elts]
        case ast.Name():
            return named(node.id) if element is None else key_of(element, node.id)
        case ast.Attribute():
            return key_of(evaluate(node.value, element), node.attr)
        case ast.Subscript():
            return subscript(node, element)
        case ast.BinOp():
            work = OPERATORS[type(node.op)]
            return by_element(work, evaluate(node.left, element), evaluate(node.right, element))
        case ast.UnaryOp(op=ast.USub()):
            return each_of(evaluate(node.operand, element), operator.neg)
        case ast.Call(func=ast.Name(id=name)) if name in FUNCTIONS:
            return FUNCTIONS[name](*(evaluate(each, element) for each in node.args))
    raise SyntaxError(f"{ast.unparse(node)} is not of this language")


def value_of(expression: str):
    """Raises ValueError that names the expression and what is wrong with it."""
    try:
        return evaluate(ast.parse(expression.strip(), mode="eval").body)
    except (LookupError, SyntaxError, TypeError, ValueError, ArithmeticError) as error:
        raise ValueError(f"{expression.strip()}: {error}") from error


def numbers_of(expression: str) -> list[float]:
    found = flat(value_of(expression))
    if not all(isinstance(each, int | float) for each in found):
        raise ValueError(f"{expression.strip()}: not numbers but {found[:3]}")
    return found
