# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0

import json
import sys
import threading

import pytest

from twill_vdit import Error
from twill_vdit.json_reading import MOST_DEPTH, parse_json, shown_json


def test_the_deepest_value_has_sixteen_levels():
    text = "[" * MOST_DEPTH + "]" * MOST_DEPTH
    assert parse_json(text, "f.json") != []
    with pytest.raises(Error) as caught:
        parse_json('{"a":\n ' + text + "}", "f.json")
    assert str(caught.value) == "f.json: line 2, column 17: nested deeper than 16"
    assert caught.value.code == "file"


def test_brackets_inside_texts_are_no_levels():
    value = {'a"[[': "[{" * 100, "b": "\\", "c": "[" * 100}
    assert parse_json(json.dumps(value), "f.json") == value


def test_a_deep_text_is_refused_by_whoever_calls():
    """Near the interpreter's own limit, and in a thread with a small stack."""

    def at_depth(levels):
        if levels > 0:
            return at_depth(levels - 1)
        with pytest.raises(Error, match="nested deeper than 16"):
            parse_json("[" * 900 + "]" * 900, "f.json")
        return parse_json("[[1]]", "f.json")

    assert at_depth(sys.getrecursionlimit() - 200) == [[1]]
    size = threading.stack_size(1 << 16)
    try:
        found = []
        thread = threading.Thread(target=lambda: found.append(parse_json("[" * 16 + "]" * 16, "f.json")))
        thread.start()
        thread.join()
    finally:
        threading.stack_size(size)
    assert len(found) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(b"\xff", "f.json: not UTF-8 text", id="bytes"),
        pytest.param('{\n "a" 1}', "f.json: line 2, column 6: not JSON: Expecting ':' delimiter", id="place"),
        pytest.param("[-Infinity]", "f.json: not JSON: -Infinity is no number of JSON", id="infinity"),
        pytest.param('["\\udfff"]', "f.json: not JSON: an escape names half a character", id="half_a_character"),
        pytest.param('{"a": {"b": 1, "b": 1}}', 'f.json: not JSON: field "b" is there twice', id="twice"),
    ],
)
def test_what_is_no_json_is_said(text, said):
    with pytest.raises(Error) as caught:
        parse_json(text, "f.json")
    assert str(caught.value) == said


def test_a_text_without_an_end_is_looked_at_once():
    for text in ('"' + '\\"' * 2_000_000, "[" + '"\\'):
        with pytest.raises(Error, match="not JSON"):
            parse_json(text, "f.json")


def test_our_own_files_may_hold_infinity():
    assert parse_json('{"psnr": Infinity}', "f.json", infinity=True) == {"psnr": float("inf")}


def test_a_message_shows_a_value_shortened():
    assert shown_json([[1]]) == "an array"
    assert shown_json({"a": 1}) == "an object"
    assert shown_json(None) == "null"
    assert shown_json("a\n") == '"a\\n"'
    assert shown_json("é" * 40) == '"' + "é" * 40 + '"'
    assert shown_json("é" * 41) == '"' + "é" * 40 + '..."'
    assert shown_json(10**100) == "1" + "0" * 39 + "..."
