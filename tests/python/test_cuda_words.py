# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A plan's device tables made in numpy are the binary module's, word for word."""

import dataclasses
import time

import numpy as np
import pytest

import plan_texts
import twill_vdit
from attention_cases import KIND_OF, LAYOUTS, ORDERS, PATTERNS, random_part
from twill_vdit import Diagonal, Error, KeyBox, MultiDiagonal, Pattern, TokenLayout, VerticalStripe, Window, native
from twill_vdit.cuda_words import HEAD_WORDS, LAYER_WORDS, MODES, PART_WORDS, PRECISIONS, CudaWords, LayerFacts
from twill_vdit.layout import TokenOrder
from twill_vdit.tile_lists import compile_pattern

needs_binary = pytest.mark.skipif(native.binary is None, reason=f"no binary module: {native.why_not}")
ANY_ORDERS = (None, None, *ORDERS.values(), TokenOrder("tiles", 4, 4, 8))


def made_in_numpy(plan, layout):
    return CudaWords.of_plan(plan_texts.without_binary(plan, layout))


def assert_the_same(plan, layout):
    theirs = native.binary.CudaTables.of_plan(twill_vdit.compile_plan(plan, layout).tables())
    assert np.array_equal(made_in_numpy(plan, layout).image, theirs.image())


def assert_the_same_with_precisions(plan, layout, random):
    """The plan's heads, each in a precision that is drawn."""
    compiled = twill_vdit.compile_plan(plan, layout)
    places = [(0, layer) for layer in range(plan.model.stacks[0].layers)]
    tasks = [
        [
            [(*task, str(random.choice(list(PRECISIONS)))) for task in compiled.tasks(segment, 0, *place)]
            for place in places
        ]
        for segment in range(len(plan.segments))
    ]
    count = 1 + max(index for layers in tasks for heads in layers for _, index, _ in heads)
    made = [compiled.tile_list(index) for index in range(count)]
    lists = [(tiles.runs, tiles.run_begin, tiles.position_to_token) for tiles in made]
    theirs = native.binary.CudaTables.of_lists(layout.tokens, lists, tasks)
    assert np.array_equal(CudaWords(layout.tokens, lists, tasks).image, theirs.image())


@needs_binary
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_every_pattern_in_every_order(layout):
    """The last layer leaves the orders open, one of which may be that of a list that is there already."""
    layers = [[plan_texts.with_order(p, order) for p in PATTERNS.values()] for order in (*ORDERS.values(), None)]
    plan = twill_vdit.parse_plan(plan_texts.plan_text(layers, dense_above=0.9), "made.json")
    assert_the_same(plan, layout)


@needs_binary
def test_random_plans():
    random = np.random.default_rng(20261201)
    for case in range(60):
        patterns = list(PATTERNS.values())[: random.integers(1, 4)]
        for _ in range(random.integers(1, 9)):
            parts = tuple(random_part(random) for _ in range(random.integers(1, 4)))
            kind = "union" if len(parts) > 1 else KIND_OF[type(parts[0])]
            patterns.append(Pattern(kind, parts, ANY_ORDERS[random.integers(len(ANY_ORDERS))]))
        sizes = dict(zip(("frames", "rows", "cols"), random.integers(1, (9, 20, 30)), strict=True))
        layout = TokenLayout(**sizes, prefix=random.integers(2) * 70, suffix=random.integers(3) * 45)
        layers = [[patterns[i] for i in random.integers(len(patterns), size=6)] for _ in range(4)]
        plan = twill_vdit.parse_plan(plan_texts.plan_text(layers, dense_above=0.5 if case % 2 else None), "made.json")
        assert_the_same(plan, layout)
        assert_the_same_with_precisions(plan, layout, random)


@needs_binary
@pytest.mark.parametrize("file", twill_vdit.preset_files(), ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_presets_at_a_small_clip(file):
    assert_the_same(twill_vdit.read_plan(file), TokenLayout(frames=9, rows=14, cols=26, suffix=100))


MIXED = (
    *(("sparse", index, precision) for index in range(4) for precision in PRECISIONS),
    *((mode, -1, precision) for mode in ("dense", "skip", "mean") for precision in PRECISIONS),
    ("sparse", 1),
    ("dense", -1),
)


def mixed_lists(layout):
    """The third and the fourth have a token order, which they share."""
    raster, _, order = ORDERS.values()
    places = (("first_frame", raster), ("union", raster), ("window", order), ("bands_of_near_frames", order))
    made = [compile_pattern(plan_texts.with_order(PATTERNS[name], order), layout)[1] for name, order in places]
    return [(tiles.runs, tiles.run_begin, tiles.position_to_token) for tiles in made]


@needs_binary
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_precisions_mixed(layout):
    """Layers of one precision, and of any mixture, also in another mixture in another variant."""
    random = np.random.default_rng(8)
    lists = mixed_lists(layout)
    layers = [[MIXED[i] for i in random.integers(len(MIXED), size=9)] for _ in range(40)]
    for only in PRECISIONS:
        layers.append([(mode, index, only) for mode, index, *_ in layers[0]])
    others = [[layer[i] for i in random.permutation(len(layer))] for layer in layers]
    others[0] = [(mode, index, "int8") for mode, index, *_ in others[0]]
    words = CudaWords(layout.tokens, lists, [layers, others])
    theirs = native.binary.CudaTables.of_lists(layout.tokens, lists, [layers, others])
    assert np.array_equal(words.image, theirs.image())
    assert any(min(layer.quantised, layer.in_elements, layer.means, layer.gathered) > 0 for layer in words.layers)


@needs_binary
@pytest.mark.parametrize("density", [0.05, 0.3, 0.48, 0.52, 0.8])
@pytest.mark.parametrize("tokens", [100, 1000, 5000])
def test_random_tiles(tokens, density):
    """Below a density of one half neighbouring query tiles share less than half of their keys, above it more."""
    random = np.random.default_rng(int(tokens * density))
    lists = []
    for _ in range(4):
        kept = random.random((-(-tokens // 128), -(-tokens // 64))) < density
        steps = np.diff(np.pad(kept, ((0, 0), (1, 1))).astype(np.int8), axis=1)
        tile, first = np.nonzero(steps == 1)
        runs = np.stack([first, np.nonzero(steps == -1)[1] - first], axis=1).astype(np.int32)
        begin = np.concatenate([[0], np.cumsum(np.bincount(tile, minlength=len(kept)))]).astype(np.int32)
        lists.append((runs, begin, None))
    tasks = [[[("sparse", index) for index in range(len(lists))]]]
    words = CudaWords(tokens, lists, tasks)
    assert np.array_equal(words.image, native.binary.CudaTables.of_lists(tokens, lists, tasks).image())


def test_heads_without_keys_are_in_the_first_part():
    layout = LAYOUTS["text_behind"]
    heads = [(mode, index, "int8") for mode, index, *_ in MIXED]
    words = CudaWords(layout.tokens, mixed_lists(layout), [[heads], [list(reversed(MIXED))]])
    for variant, tasks in enumerate((heads, MIXED[::-1])):
        at = words.layers_at + variant * words.layer_words
        parts = words.image[at : at + LAYER_WORDS].reshape(-1, PART_WORDS)
        records = words.image[at + LAYER_WORDS :][: HEAD_WORDS * len(heads)].reshape(-1, HEAD_WORDS)
        assert parts[:, 3].tolist() == [0, parts[0, 2]]
        assert parts[:, 2].sum() == len(heads)
        query_tiles = -(-layout.tokens // 128)
        for precision, (heavy, others, count, first) in enumerate(parts):
            of_part = records[first : first + count]
            assert heavy + others == count * query_tiles
            assert set(of_part[:, 7]) == {precision}
            for number, mode, *_ in of_part.tolist():
                named = tasks[number][2] if len(tasks[number]) == 3 else "bf16"
                has_keys = mode in (MODES["dense"], MODES["sparse"])
                assert precision == (PRECISIONS[named] if has_keys else 0)
        assert records[parts[1, 3] :, 3].tolist() == list(range(parts[1, 2])), "all of them are copied"
    (facts,) = words.layers
    # Of the variant that has most: all 12 heads with keys in INT8, or 5 of them.
    assert facts == LayerFacts(heads=16, gathered=2, quantised=12, in_elements=11, means=2)


def test_where_no_kernel_takes_them_heads_in_int8_are_made_bf16(monkeypatch):
    layout = LAYOUTS["text_behind"]
    plan = twill_vdit.parse_plan(plan_texts.plan_text([list(PATTERNS.values())], dense_above=0.9), "made.json")
    compiled = plan_texts.without_binary(plan, layout)
    in_bf16 = CudaWords.of_plan(compiled)
    monkeypatch.setattr(compiled, "precisions", lambda *place: ["int8"] * len(compiled.tasks(*place)))
    in_int8 = CudaWords.of_plan(compiled)
    assert in_int8.layers[0].quantised == len(PATTERNS), "in the dense segment"
    assert np.array_equal(CudaWords.of_plan(compiled, takes_int8=False).image, in_bf16.image)


def test_the_words_say_what_the_plan_says():
    layout = LAYOUTS["text_in_front_and_behind"]
    layers = [[plan_texts.with_order(p, order) for p in PATTERNS.values()] for order in ORDERS.values()]
    plan = twill_vdit.parse_plan(plan_texts.plan_text(layers, dense_above=0.9), "made.json")
    words = made_in_numpy(plan, layout)
    assert words.image.dtype == np.int32
    assert words.image[0] == 0, "the variant that holds"
    for variant in range(2):
        for layer, patterns in enumerate(layers):
            at = words.layers_at + (variant * len(layers) + layer) * words.layer_words
            heads = words.image[at + LAYER_WORDS : at + words.layer_words].reshape(-1, HEAD_WORDS)
            assert sorted(heads[:, 0]) == list(range(len(PATTERNS)))
            for head, mode, index, gathered, *_ in heads.tolist():
                pattern = patterns[head]
                kind = "dense" if variant == 1 else pattern.kind if not pattern.parts else "sparse"
                assert mode == MODES[kind]
                if kind != "sparse":
                    continue
                runs, begin, _, _, positions, *_ = words.image[words.lists_at + HEAD_WORDS * index :][:HEAD_WORDS]
                _, tiles = compile_pattern(pattern, layout)
                assert np.array_equal(words.image[runs:][: tiles.runs.size], tiles.runs.reshape(-1))
                assert np.array_equal(words.image[begin:][: len(tiles.run_begin)], tiles.run_begin)
                assert (gathered >= 0) == (positions > 0) == (pattern.order.kind != "raster")
    assert words.layers[1].gathered == sum(bool(p.parts) for p in PATTERNS.values())
    assert words.layers[0].gathered == 0
    assert {layer.means for layer in words.layers} == {1}


LIST = (np.array([[0, 2], [3, 1]], dtype=np.int32), np.array([0, 1, 2], dtype=np.int32), None)
TASKS = [[[("sparse", 0), ("dense", -1)]]]


def spoiled(**change):
    runs, run_begin, positions = (np.array(x) if x is not None else None for x in LIST)
    made = {"runs": runs, "run_begin": run_begin, "positions": positions} | change
    return made["runs"], made["run_begin"], made["positions"]


REFUSALS = {
    "no_tokens": ((0, [LIST], TASKS), "tokens 0, variants 1, layers 1: each must be at least 1"),
    "no_variant": ((200, [LIST], []), "tokens 200, variants 0, layers 0: each must be at least 1"),
    "other_heads": ((200, [LIST], [TASKS[0], [[("dense", -1)]]]), "layer 0: 1 tasks in one variant, 2 in another"),
    "no_such_list": ((200, [LIST], [[[("sparse", 1)]]]), "a task names list 1 of 1"),
    "no_such_precision": (
        (200, [LIST], [[[("sparse", 0, "fp8")]]]),
        "precision fp8 is not one of bf16, int8",
    ),
    "no_such_mode": ((200, [LIST], [[[("odd", 1)]]]), "mode odd is not one of dense, sparse, skip, mean"),
    "other_tokens": ((300, [LIST], TASKS), "list 0: run_begin has 3 entries, 4 are needed for 300 tokens"),
    "runs_left_over": (
        (200, [spoiled(run_begin=np.array([0, 1, 1], dtype=np.int32))], TASKS),
        "list 0: run_begin does not span its 2 runs",
    ),
    "falling": (
        (300, [spoiled(run_begin=np.array([0, 2, 1, 2], dtype=np.int32))], TASKS),
        "list 0: run_begin falls to 1 at query tile 2",
    ),
    "past_the_end": (
        (200, [spoiled(runs=np.array([[0, 2], [3, 2]], dtype=np.int32))], TASKS),
        "list 0: run 1 (3, 2) is out of order or outside the 4 key tiles",
    ),
    "touching": (
        (
            200,
            [spoiled(runs=np.array([[0, 2], [2, 1]], dtype=np.int32), run_begin=np.array([0, 2, 2], np.int32))],
            TASKS,
        ),
        "list 0: run 1 (2, 1) is out of order or outside the 4 key tiles",
    ),
    "few_positions": (
        (200, [spoiled(positions=np.zeros(7, dtype=np.int32))], TASKS),
        "list 0: 7 positions for 200 tokens",
    ),
    "no_token": (
        (200, [spoiled(positions=np.full(200, 200, dtype=np.int32))], TASKS),
        "list 0: position names token 200 of 200",
    ),
}


@pytest.mark.parametrize("makers", ["numpy", pytest.param("binary", marks=needs_binary)])
@pytest.mark.parametrize(("arguments", "text"), REFUSALS.values(), ids=REFUSALS)
def test_refusals_are_one_list(arguments, text, makers):
    make = CudaWords if makers == "numpy" else native.binary.CudaTables.of_lists
    with pytest.raises(Error) as raised:
        make(*arguments)
    assert str(raised.value) == text


@pytest.mark.parametrize("makers", ["numpy", pytest.param("binary", marks=needs_binary)])
def test_places_outside_the_plan_are_refused(makers):
    plan = twill_vdit.parse_plan(plan_texts.plan_text([[PATTERNS["dense"]]] * 3, dense_above=0.9), "made.json")
    layout = LAYOUTS["one_frame"]
    if makers == "numpy":
        tables = made_in_numpy(plan, layout)
    else:
        tables = native.binary.CudaTables.of_plan(twill_vdit.compile_plan(plan, layout).tables())
    assert (tables.layer(0, 2), tables.variant(1, 0)) == (2, 1)
    for call, place, text in (
        (tables.layer, (1, 0), "stack 1 is not one of the model's 1"),
        (tables.layer, (0, 3), "layer 3 is not one of the 3 of stack 0"),
        (tables.variant, (2, 0), "segment 2 is not one of 0..1"),
        (tables.variant, (0, 1), "expert 1 is not one of 0..0"),
    ):
        with pytest.raises(Error) as raised:
            call(*place)
        assert str(raised.value) == text


# HunyuanVideo at 720p, five seconds: the segment of tests/bench/bench_compile.cpp.
HUNYUAN = TokenLayout(frames=33, rows=45, cols=80, suffix=256)


def many_patterns():
    """Of every family from narrow to wide, orders left open."""
    patterns = []
    for i in range(14):
        x = i / 14
        patterns += [
            Pattern("diagonal", (Diagonal(0.05 + 4 * x * x),)),
            Pattern("multi_diagonal", (MultiDiagonal(i + 1 if i < 7 else 33, 0.06 * x, 0.02 + 0.2 * x),)),
            Pattern("window", (Window(i % 5, 0.05 + 0.3 * x, 0.05 + 0.4 * x),)),
            Pattern("union", (Diagonal(0.05 + x), VerticalStripe((KeyBox(0, 1 + i % 3),)))),
        ]
    for i in range(5):
        box = KeyBox(0, 33, i / 10, 0.1 + i / 10, 0.0, 0.5 + i / 10)
        patterns.append(Pattern("vertical_stripe", (VerticalStripe((box,)),)))
    return patterns


def seconds_of(call):
    """Of this process, whatever else runs on the machine."""
    begin = time.process_time()
    call()
    return time.process_time() - begin


def test_a_segment_of_a_long_clip_takes_as_long_as_its_patterns():
    """Heads of one pattern cost once; against sorting in the same run, since seconds are the machine's."""
    patterns = many_patterns()
    layers = [[patterns[(24 * layer + 7 * head) % len(patterns)] for head in range(24)] for layer in range(60)]
    plans = [twill_vdit.parse_plan(plan_texts.plan_text(part), "made.json") for part in (layers, layers[:3])]
    numbers = np.random.default_rng(3).integers(1 << 40, size=2_000_000)
    taken = []
    for _ in range(2):
        whole, once = (plan_texts.without_binary(plan, HUNYUAN) for plan in plans)
        calls = (lambda whole=whole: CudaWords.of_plan(whole), lambda once=once: CudaWords.of_plan(once))
        taken.append([seconds_of(call) for call in (*calls, lambda: np.argsort(numbers, kind="stable"))])
    whole, once, sorting = (min(column) for column in zip(*taken, strict=True))
    print(f"1440 heads {whole:.2f} s, 72 heads {once:.2f} s, sorting {sorting:.2f} s")
    assert whole <= 2 * once
    assert whole <= 10 * sorting
    assert len(CudaWords.of_plan(plan_texts.without_binary(plans[0], HUNYUAN)).layers) == 60
    if native.binary is not None:
        assert_the_same(plans[0], HUNYUAN)


def test_an_equal_pattern_of_a_named_order_shares_the_list():
    layout = TokenLayout(frames=8, rows=8, cols=8)
    pattern = Pattern("window", (Window(0, 1.0, 1.0),))
    order, tiles = compile_pattern(pattern, layout)
    named = dataclasses.replace(pattern, order=order)
    plan = twill_vdit.parse_plan(plan_texts.plan_text([[pattern, named]]), "made.json")
    words = made_in_numpy(plan, layout)
    heads = words.image[words.layers_at + LAYER_WORDS :][: 2 * HEAD_WORDS].reshape(2, HEAD_WORDS)
    assert heads[:, 2].tolist() == [0, 0]
    assert tiles.tiles > 0
