# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""One text that holds all mutants of a file, each behind a switch at run time."""

from dataclasses import dataclass, field

from tree_sitter import Node

from mutant_sites import NOT_AT_RUN_TIME, Mutation, ancestors, parse, walk

EXPRESSIONS = {
    "binary_expression", "unary_expression", "update_expression", "call_expression", "number_literal", "identifier",
    "field_expression", "subscript_expression", "conditional_expression", "assignment_expression",
    "parenthesized_expression", "true", "false", "qualified_identifier",
}  # fmt: skip
STATEMENTS = {
    "expression_statement", "return_statement", "if_statement", "for_statement", "for_range_loop", "while_statement",
    "continue_statement", "break_statement", "compound_statement",
}  # fmt: skip


class NoPlaceError(ValueError):
    """No switch fits where the mutation is."""


@dataclass
class Place:
    """What stands as a whole on either side of switches."""

    start: int
    end: int
    is_statement: bool
    others: list[tuple[int, str]] = field(default_factory=list)  # (number of the mutant, text)


def is_place(node: Node) -> bool:
    if node.type in STATEMENTS:
        return node.parent is not None and node.parent.type in (
            "compound_statement", "else_clause", "if_statement", "for_statement", "for_range_loop", "while_statement",
        )  # fmt: skip
    if node.type not in EXPRESSIONS or node.parent is None:
        return False
    above = node.parent
    called = above.type == "call_expression" and above.child_by_field_name("function") == node
    name_only = node.type in ("identifier", "qualified_identifier") and (
        above.type.endswith(("declarator", "declaration", "qualified_identifier", "template_function"))
        and above.child_by_field_name("value") != node
    )
    return not called and not name_only and not any(up.type in NOT_AT_RUN_TIME for up in ancestors(node))


def constant_around(node: Node) -> Node | None:
    """The declarator of the constexpr number that the node is part of."""
    declarator = None
    for above in (node, *ancestors(node)):
        if above.type == "init_declarator":
            declarator = above
        elif above.type == "declaration" and declarator is not None:
            return declarator if any(child.text == b"constexpr" for child in above.children) else None
        elif above.type.endswith("statement"):
            return None
    return None


def uses_of(declarator: Node) -> list[Node]:
    """Where the constant's name is read below its declaration, within the block that it stands in."""
    name = declarator.child_by_field_name("declarator")
    block = declarator.parent.parent
    return [
        node
        for node in walk(block)
        if node.type == "identifier" and node.text == name.text and node.start_byte > declarator.end_byte
    ]


def places_of(root: Node, source: bytes, mutation: Mutation) -> list[tuple[Node, str]]:
    """The places whose text changes, each with its other text: one, or all uses of a constant."""
    node = root.descendant_for_byte_range(mutation.start, mutation.end - 1)
    text = mutation.text.encode()
    constant = constant_around(node)
    if constant is not None:
        value = constant.child_by_field_name("value")
        changed = source[value.start_byte : mutation.start] + text + source[mutation.end : value.end_byte]
        name = constant.child_by_field_name("declarator").text.decode()
        other = f"static_cast<std::remove_cv_t<decltype({name})>>({changed.decode()})"
        uses = [use for use in uses_of(constant) if is_place(use)]
        if not uses or value.type == "initializer_list":
            raise NoPlaceError(f"{mutation.file}:{mutation.line}: no code reads {name} at run time")
        return [(use, other) for use in uses]
    for place in (node, *ancestors(node)):
        if is_place(place) and place.start_byte <= mutation.start and mutation.end <= place.end_byte:
            changed = source[place.start_byte : mutation.start] + text + source[mutation.end : place.end_byte]
            return [(place, changed.decode())]
    raise NoPlaceError(f"{mutation.file}:{mutation.line}: no expression or statement holds `{mutation.change}`")


class Schemata:
    """text: the file with all mutants but those without_place. of_line: which mutant a line (from 1) belongs to."""

    def __init__(self, source: bytes, mutants: dict[int, Mutation]):
        root = parse(source)
        places: dict[tuple[int, int], Place] = {}
        self.without_place: set[int] = set()
        for number, mutation in mutants.items():
            try:
                found = places_of(root, source, mutation)
            except NoPlaceError:
                self.without_place.add(number)
                continue
            for node, other in found:
                place = Place(node.start_byte, node.end_byte, node.type in STATEMENTS)
                places.setdefault((place.start, place.end), place).others.append((number, other))
        self.of_line: dict[int, int] = {}
        self._source = source
        self._places = sorted(places.values(), key=lambda place: (place.start, -place.end))
        self._next = 0
        self._parts: list[str] = []
        self._line = 1
        self._write('#include "mutant_switch.h"\n')
        self._render(0, len(source))
        self.text = "".join(self._parts)

    def _write(self, text: str, number: int | None = None) -> None:
        if number is not None:
            text = "\n" + " ".join(text.split("\n")) + "\n"
            self.of_line[self._line + 1] = number
        self._parts.append(text)
        self._line += text.count("\n")

    def _render(self, start: int, end: int) -> None:
        at = start
        while self._next < len(self._places) and self._places[self._next].start < end:
            place = self._places[self._next]
            self._next += 1
            self._write(self._source[at : place.start].decode())
            self._switches(place)
            at = place.end
        self._write(self._source[at:end].decode())

    def _switches(self, place: Place) -> None:
        if place.is_statement:
            self._write("{ ")
            for number, other in place.others:
                self._write(f"if (twill_mutant({number})) {{ {other} }} else ", number)
            self._write("{ ")
            self._render(place.start, place.end)
            self._write(" } }")
        else:
            self._write("(")
            for number, other in place.others:
                self._write(f"twill_mutant({number}) ? ({other}) : ", number)
            self._write("(")
            self._render(place.start, place.end)
            self._write("))")
