# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Where a C++ file can be mutated: every place that an operator fits, and texts that a list names."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import tree_sitter
import tree_sitter_cpp
from tree_sitter import Node

PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_cpp.language()))

# Below these stand types, names and constant expressions, which no switch at run time can change.
NOT_AT_RUN_TIME = {
    "template_argument_list", "array_declarator", "enumerator", "case_statement", "static_assert_declaration",
    "preproc_include", "preproc_def", "using_declaration", "optional_parameter_declaration", "field_designator",
}  # fmt: skip

SWAPS = {
    "border": {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="},
    "arithmetic": {"+": "-", "-": "+", "*": "/", "/": "*"},
    "logic": {"&&": "||", "||": "&&"},
    "assignment": {"+=": "-=", "-=": "+=", "*=": "/=", "/=": "*="},
    "step": {"++": "--", "--": "++"},
}
WITH_OPERATOR = {
    "binary_expression": ("border", "arithmetic", "logic"),
    "assignment_expression": ("assignment",),
    "update_expression": ("step",),
}
OTHER_CALLS = {
    "min": "max", "max": "min", "min_element": "max_element", "max_element": "min_element", "front": "back",
    "back": "front", "lower_bound": "upper_bound", "upper_bound": "lower_bound", "any_of": "all_of", "all_of": "any_of",
}  # fmt: skip


@dataclass(frozen=True)
class Mutation:
    """The bytes [start, end) of a file become `text`."""

    file: str
    start: int
    end: int
    text: str
    operator: str
    line: int  # from 1
    line_text: str
    change: str  # "`old` -> `new`"
    nth: int = 0  # of the same changes of equal lines

    @property
    def key(self) -> tuple[str, str, str, int]:
        """Stays the same while other lines are edited."""
        return self.file, self.line_text, self.change, self.nth

    def rank(self, seed: int) -> str:
        return hashlib.sha256(repr((seed, *self.key)).encode()).hexdigest()


def parse(source: bytes) -> Node:
    root = PARSER.parse(source).root_node
    if root.has_error:
        raise ValueError("the parser does not understand this file")
    return root


def without_comments(source: bytes) -> bytes:
    """Blanks in their place: what stands on one line afterwards may not end in a comment."""
    text = bytearray(source)
    for node in walk(PARSER.parse(source).root_node):
        if node.type == "comment":
            for at in range(node.start_byte, node.end_byte):
                text[at] = text[at] if text[at] == 0x0A else 0x20
    return bytes(text)


def walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from walk(child)


def ancestors(node: Node) -> Iterator[Node]:
    while node.parent is not None:
        node = node.parent
        yield node


def called_name(call: Node) -> Node | None:
    """The last name of what is called: `min` of std::min<double>, `front` of a.front."""
    function = call.child_by_field_name("function")
    while function is not None and function.type not in ("identifier", "field_identifier"):
        function = function.child_by_field_name("field") or function.child_by_field_name("name")
    return function


def changes_only_words(node: Node) -> bool:
    """What a refusal says beside its condition, and assertions: these cannot fail."""
    below = node
    for above in ancestors(node):
        if above.type == "argument_list" and above.parent.type == "call_expression":
            name = called_name(above.parent)
            called = name.text if name is not None else b""
            if called in (b"TWILL_ASSERT", b"concat") or (
                called == b"require" and below.start_byte != above.named_children[0].start_byte
            ):
                return True
        below = above
    return False


def other_number(text: str) -> str:
    if any(mark in text for mark in ".eE") and not text.startswith("0x"):
        return f"{float(text) * 1.1:.6g}" if float(text) else "1.0"
    return f"({text} + 1)"


def of_operator(node: Node) -> Iterator[tuple[Node, str, str]]:
    for kind in WITH_OPERATOR.get(node.type, ()):
        operator = node.child_by_field_name("operator")
        swapped = SWAPS[kind].get(operator.text.decode())
        if swapped:
            yield operator, swapped, kind


def of_number(node: Node) -> Iterator[tuple[Node, str, str]]:
    if node.type == "number_literal":
        yield node, other_number(node.text.decode()), "constant"
    elif node.type in ("true", "false"):
        yield node, "false" if node.type == "true" else "true", "constant"


def of_call(node: Node) -> Iterator[tuple[Node, str, str]]:
    if node.type == "call_expression":
        name = called_name(node)
        if name is not None and name.text.decode() in OTHER_CALLS:
            yield name, OTHER_CALLS[name.text.decode()], "other call"


def of_statement(node: Node) -> Iterator[tuple[Node, str, str]]:
    asserts = node.type == "expression_statement" and node.text.startswith(b"TWILL_ASSERT")
    if node.type in ("expression_statement", "continue_statement", "break_statement") and not asserts:
        yield node, "", "dropped"


def of_condition(node: Node) -> Iterator[tuple[Node, str, str]]:
    condition = node.child_by_field_name("condition")
    if node.type == "if_statement" and condition.type == "condition_clause":
        condition = condition.child_by_field_name("value")
    # Of anything else than an operator's result the type is not known: `c ? !(x) : (x)` of an optional number is a
    # number that is there, whatever x is.
    if node.type in ("if_statement", "conditional_expression") and condition.type in (
        "binary_expression",
        "unary_expression",
    ):
        yield condition, f"!({condition.text.decode()})", "negated"


OPERATORS: tuple[Callable[[Node], Iterator[tuple[Node, str, str]]], ...] = (
    of_operator, of_number, of_call, of_statement, of_condition,
)  # fmt: skip


def shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."


def mutation(file: str, source: bytes, start: int, end: int, text: str, operator: str) -> Mutation:
    line = source.count(b"\n", 0, start)
    return Mutation(
        file, start, end, text, operator, line + 1, source.split(b"\n")[line].decode().strip(),
        f"`{shortened(source[start:end].decode())}` -> `{shortened(text)}`",
    )  # fmt: skip


def sites(file: str, source: bytes) -> list[Mutation]:
    """All mutations of a file without comments by the operators."""
    found, seen = [], Counter()
    for node in walk(parse(source)):
        for operator in OPERATORS:
            for at, text, kind in operator(node):
                if any(above.type in NOT_AT_RUN_TIME for above in ancestors(at)) or changes_only_words(at):
                    continue
                one = mutation(file, source, at.start_byte, at.end_byte, text, kind)
                found.append(Mutation(**{**vars(one), "nth": seen[one.key]}))
                seen[one.key] += 1
    return found


def pieces(text: bytes) -> list[bytes]:
    return re.findall(rb"[\w.]+|\s+|.", text)


def named_site(file: str, source: bytes, old: str, new: str) -> Mutation:
    """Replaces a text which stands in the file once, without the pieces that old and new share at the ends."""
    count = source.count(old.encode())
    if count != 1:
        raise ValueError(f"{file}: this text stands there {count} times, not once: {old}")
    start, before, after = source.index(old.encode()), pieces(old.encode()), pieces(new.encode())
    while len(before) > 1 and after and before[0] == after[0]:
        start += len(before.pop(0))
        after.pop(0)
    while len(before) > 1 and after and before[-1] == after[-1]:
        before.pop()
        after.pop()
    while before[0].isspace() and not after:
        start += len(before.pop(0))
    while before[-1].isspace() and not after:
        before.pop()
    return mutation(file, source, start, start + len(b"".join(before)), b"".join(after).decode(), "named")
