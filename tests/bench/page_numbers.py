# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The numbers of a page, and where each comes from.

A block (paragraph, list item, row of a table) that prints measured numbers ends in a comment with a source for each, in
the order of the numbers, divided by semicolons:

    The clips have 35.6 dB, 30.9 dB at worst. <!-- n: demo.psnr_db; demo.psnr_db_worst -->

A source is an expression of result_paths.py, or cell(table, row, column) of a written table, whose value rounds to what
is printed (in %, if a % stands behind it), or

    none     no result file is kept; the block, or what stands before the table, says so in these words
    given    not measured: a setting, or a figure of somebody else
    none*3   so three times

Numbers of KINDS need no source, nor do code, pictures and links. A table between `<!-- table: NAME -->` and
`<!-- end of the table -->` is written by a program and not read here.
"""

import re
from dataclasses import dataclass

import result_paths
import result_tables  # noqa: F401  (adds `cell`, a value of a written table)

MARKER = re.compile(r"<!-- n: (.*?) -->", re.DOTALL)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
WRITTEN = re.compile(r"^<!-- table: .*?^<!-- end of the table -->$", re.DOTALL | re.MULTILINE)
FENCE = re.compile(r"^(```.*?^```|(?: {4}[^\n]*\n)+)", re.DOTALL | re.MULTILINE)
NOT_READ = re.compile(r"!\[[^\]]*\]\([^)]*\)|(?<=\])\([^)]*\)|`[^`\n]*`|<[^>]*>")
NO_FILE = "no result file is kept"

# A number stands on its own: not the 200 of H200, the 4 of FlashAttention-4 or the 1.5 of CogVideoX1.5.
NUMBER = re.compile(r"(?<![\w.,])(?<![A-Za-z]-)(?:(?<=[\s(|])-)?\d+(?:,\d{3})*(?:\.\d+)?(?:e-?\d+)?")
INTEGER = r"\d+(?:,\d{3})*(?![\d]|[.,]\d)"
COUNTED = (
    "frames?|tokens?|text tokens|text and picture tokens|latent tokens|query tokens|steps?|prompts?|test prompts|heads|"
    "layers|cores|threads|rounds|rows|candidates|blocks|channels|patterns|segments|columns|seeds|sampled|tasks|GB|clips"
)
NAMES = "Wan|HunyuanVideo|CogVideoX|Kandinsky|Mochi|LTX|RTX"
PROGRAMS = r"PyTorch|Python|CPython|Debian|Ubuntu|ComfyUI|Qt|nvcc|driver|cuDNN|CUDA|Apache|g\+\+|version"
MORE = "(?:,| to| and| or)"
SETTINGS = "head_dim(?: is)?|shift|cfg|stride|dim|FFN|width|seed|batch|schema|steps?|decay|threshold"
ASKED_DENSITY = r"0\.(?:\d0?|25|35)(?!\d)"
# What is no measurement: kind -> what it looks like.
KINDS = {
    "a size": r"\d+(?:x\d+)+|\d+ x \d+(?: x \d+)*(?: heads)?|\d+ x [\d,]+|\d+[pK]\b",
    "a count of a setting": rf"{INTEGER}(?:{MORE} {INTEGER})*(?:-key|-query| (?:different )?(?:{COUNTED}))\b",
    "frames, by number": r"frames \d+(?:, \d+)* and \d+",
    "a setting, by name": rf"(?:{SETTINGS}) (?:of )?\d[\d.,]*(?:(?:,| to| and) {INTEGER})*|\d+-bit",
    "a density that was asked for": rf"density (?:of )?{ASKED_DENSITY}(?:(?:,| and) {ASKED_DENSITY})*",
    "a t": r"\bt (?:up to|above|below|down to|near|of|=) ?[\d.]*\d",
    "a version": rf"(?:{PROGRAMS}) \(?\d[\w.+-]*(?: or (?:newer|later))?|\d[\d.]* (?:or|and) newer|C\+\+\d+",
    "a model or a card": rf"(?:{NAMES}) \d[\d.]*(?:(?:,| to| and| or) \d[\d.]*)*|\d+(?:\.\d+)? ?[BM]\b",
    "a device's kind": r"capability \d+\.\d+",
    "a publication": r"arXiv \d{4}\.\d{5}(?:, \d{4}\.\d{5})*",
    "an interval": r"95 % intervals?",
}
EXEMPT = re.compile("|".join(f"(?:{look})" for look in KINDS.values()))
SIGN = re.compile(r"(?:(?:,| to| and| or|-) ?[\d.]+)*\s*%")


@dataclass(frozen=True)
class Printed:
    text: str
    percent: bool

    def is_of(self, value: float) -> bool:
        """Whether the value, rounded to as many digits, is what stands here."""
        value = 100.0 * value if self.percent else value
        digits = self.text.replace(",", "")
        mantissa, _, exponent = digits.partition("e")
        unit = 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
        return abs(float(digits) - value) <= 0.5 * unit * (1 + 1e-6)


@dataclass(frozen=True)
class Block:
    line: int
    text: str  # as a reader sees it, numbers of KINDS taken out
    plain: str  # with them
    before: str  # of a row: the head of its table and the paragraph before it
    sources: tuple[str, ...]

    @property
    def printed(self) -> list[Printed]:
        return [Printed(m.group(), bool(SIGN.match(self.text, m.end()))) for m in NUMBER.finditer(self.text)]


def blanked(pattern: re.Pattern, text: str) -> str:
    """Without what matches, line by line as long as before."""
    return pattern.sub(lambda match: "\n" * match.group().count("\n"), text)


def sources_of(text: str) -> tuple[str, ...]:
    found: list[str] = []
    for marker in MARKER.findall(text):
        for source in filter(None, (part.strip() for part in marker.split(";"))):
            word, star, count = source.partition("*")
            found += [word] * int(count) if star and word in ("none", "given") else [source]
    return tuple(found)


def pieces(text: str) -> list[tuple[int, str]]:
    """(number of the first line, text) of each paragraph, list item and row."""
    found: list[tuple[int, str]] = []
    begins = True
    for number, line in enumerate(text.splitlines(), 1):
        starts = begins or line.startswith("|") or re.match(r"\s*(?:[-*]|\d+\.) ", line)
        begins = not line.strip()
        if begins:
            continue
        if starts:
            found.append((number, line))
        else:
            found[-1] = found[-1][0], f"{found[-1][1]}\n{line}"
    return found


def blocks(page: str) -> list[Block]:
    text = blanked(FENCE, blanked(WRITTEN, page))
    found, before = [], ""
    for line, piece in pieces(text):
        plain = re.sub(r"^\s*\d+\. ", "", NOT_READ.sub(" ", COMMENT.sub("", piece)))
        is_row = piece.startswith("|")
        found.append(Block(line, EXEMPT.sub(" ~ ", plain), plain, before if is_row else "", sources_of(piece)))
        if not is_row:
            before = plain
        elif not found[-2:-1] or not found[-2].plain.startswith("|"):
            before += plain
    return found


def problems_of(block: Block) -> list[str]:
    printed = block.printed
    values: list[float | str] = []
    for source in block.sources:
        if source in ("none", "given"):
            values.append(source)
            continue
        try:
            values += result_paths.numbers_of(source)
        except ValueError as error:
            return [f"line {block.line}: {error}"]
    texts = ", ".join(each.text for each in printed)
    if len(printed) != len(values):
        return [f"line {block.line}: {len(printed)} numbers ({texts}) and sources for {len(values)}: {values}"]
    found = [
        f"line {block.line}: {each.text} is printed, and the result is {value}"
        for each, value in zip(printed, values, strict=True)
        if not isinstance(value, str) and not each.is_of(value)
    ]
    if "none" in block.sources and NO_FILE not in f"{block.before} {block.plain}".lower():
        found.append(f'line {block.line}: a number has no result file, and the block does not say "{NO_FILE}"')
    return found


def problems(page: str) -> list[str]:
    return [each for block in blocks(page) for each in problems_of(block)]
