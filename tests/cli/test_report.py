# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""`twill report` and `twill plan diff`: true numbers, sound HTML and SVG, one file that asks for nothing else."""

import base64
import json
import math
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

EMPTY_ELEMENTS = {"meta", "img", "input", "link", "br"}
SVG = "{http://www.w3.org/2000/svg}"
STEPS, SHIFT = 4, 3.0  # of the tiny model


class Page(HTMLParser):
    """A page whose elements are all closed in order; what the tests look for in it."""

    def __init__(self, text: str):
        super().__init__()
        self.open, self.tags, self.words, self.sources, self.scripts = [], [], [], [], []
        self.policy = ""
        self.feed(text)
        self.close()
        assert self.open == []
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        assert len(values) == len(attributes), f"{tag}: an attribute stands twice"
        self.tags.append((tag, values))
        self.sources += [values[name] for name in ("src", "href", "xlink:href") if name in values]
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values["content"]
        if tag not in EMPTY_ELEMENTS:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif not self.open or self.open[-1] != "style":
            self.words.append(data)

    def heads(self) -> dict:
        return json.loads(self.scripts[0])


def drawings(text: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(svg) for svg in re.findall(r"<svg .*?</svg>", text, re.DOTALL)]


def not_numbers(page: Page) -> list[str]:
    numbers = (value for _, values in page.tags for name, value in values.items() if name != "src" and value)
    return [value for value in numbers if re.search(r"(?<![a-z])-?(nan|inf)(?![a-z])", value)]


def floats(array: dict) -> list[float]:
    raw = base64.b64decode(array["float32"])
    return list(struct.unpack(f"<{len(raw) // 4}f", raw))


def times(steps: int = STEPS, shift: float = SHIFT) -> list[float]:
    plain = [1 - i / steps for i in range(steps)]
    return [shift * t / (1 + (shift - 1) * t) for t in plain]


def head_errors(plan: dict, report: Path) -> list[float]:
    """Each head's part of the predicted error, from the definition; what a step counts, as the report says."""
    forwards = json.loads((report / "report.json").read_text())["forwards"]
    assert [forward["t"] for forward in forwards] == pytest.approx(times())
    profile = plan["profile"]
    candidates, profiled = profile["candidates"], profile["t"]
    error, gain = floats(profile["head_error"]), floats(profile["gain"])
    heads = len(gain) // len(profiled)
    sums = [0.0] * heads
    for t, weight in ((forward["t"], forward["weight"]) for forward in forwards):
        segment = next(s for s in plan["segments"] if s["t_begin"] < t <= s["t_end"])
        if segment.get("dense"):
            continue
        rows = [entry for row in segment["heads"]["default"]["blocks"] for entry in row]
        above = max((i for i, time in enumerate(profiled) if time >= t), default=0)
        below = min(above + 1, len(profiled) - 1)
        if profiled[above] == t:
            below = above
        share = 0.0 if below == above else (profiled[above] - t) / (profiled[above] - profiled[below])
        for head in range(heads):
            pattern = plan["patterns"][rows[head]]
            if pattern["kind"] == "dense":
                continue
            candidate = candidates.index(pattern)

            def at(time, head=head, candidate=candidate):
                index = time * heads + head
                return gain[index] * error[index * len(candidates) + candidate]

            sums[head] += weight * ((1 - share) * at(above) + share * at(below))
    return sums


@pytest.fixture(scope="module")
def evaluated(twill, tiny_model, plan, tmp_path_factory) -> Path:
    """report.json and clips of two prompts by `plan`."""
    out = tmp_path_factory.mktemp("evaluated")
    result = twill(
        "evaluate", "--model", tiny_model, "--plan", plan, "--prompt", "a red ball", "--prompt", "a blue ball rolls",
        "--timed", 1, "--out", out / "report.json", "--save-clips", out,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return out


@pytest.fixture(scope="module")
def report(twill, plan, evaluated, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("report")
    result = twill(
        "report", plan, evaluated / "report.json", "--clips", evaluated, "--out", out / "report.html",
        "--pictures", out / "pictures", "--json",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    (out / "report.json").write_text(result.stdout)
    return out


def test_page_and_drawings_are_sound(report):
    text = (report / "report.html").read_text()
    page = Page(text)
    names = {svg.get("aria-label") for svg in drawings(text)}
    assert len(names) >= 9
    assert "Quality over density" in names
    for svg in drawings(text):
        _, _, width, height = map(float, svg.get("viewBox").split())
        for element in svg.iter(f"{SVG}text"):
            assert 0 <= float(element.get("x")) <= width
            assert 0 <= float(element.get("y")) <= height
    assert not_numbers(page) == []


def test_page_needs_nothing_else(report):
    text = (report / "report.html").read_text()
    page = Page(text)
    assert page.policy.startswith("default-src 'none'; img-src data:")
    assert [source for source in page.sources if not source.startswith("data:image/png;base64,")] == []
    assert "url(" not in text
    assert "@import" not in text
    for source in page.sources:
        assert base64.b64decode(source.split(",")[1], validate=True).startswith(b"\x89PNG")


def test_numbers_are_those_of_the_plan_and_its_evaluation(report, plan, evaluated):
    document, measured = json.loads(plan.read_text()), json.loads((evaluated / "report.json").read_text())
    stated = json.loads((report / "report.json").read_text())
    page = Page((report / "report.html").read_text())
    errors = head_errors(document, report)
    assert sum(errors) > 0
    assert stated["predicted_error"] == pytest.approx(sum(errors), rel=1e-6)
    assert stated["density"] == pytest.approx(measured["density"], abs=1e-12)
    assert stated["measured"][0]["psnr_db"] == measured["psnr_db"]
    mses = [255**2 * 10 ** (-row["psnr_db"] / 10) for row in measured["rows"]]
    assert stated["measured"][0]["mse"] == pytest.approx(sum(mses) / 2)
    # 9 x 8 x 8 tokens, two layers of two heads, list tiles of 128 x 64.
    assert stated["dense_cost"] == pytest.approx(4 * math.ceil(576 / 128) * math.ceil(576 / 64) * 128 * 64 / 1e6)
    assert stated["cost"] == pytest.approx(stated["density"] * stated["dense_cost"])
    for text in (
        f"{measured['density']:.3f}", f"{measured['psnr_db']:.1f} dB", f"{measured['psnr_db_worst']:.2f} dB",
        f"{measured['ssim']:.4f}", f"{measured['speedup']:.2f}x", f"{measured['dense_seconds']:.2f} s",
        f"{measured['sparse_seconds']:.2f} s", "9x8x8 tokens, euler, shift 3, 4 steps", "a blue ball rolls",
        measured["device"], measured["model"],
    ):  # fmt: skip
        assert text in page.text, text
    worst = max(range(4), key=lambda head: errors[head])
    rows = re.findall(r"blocks\.(\d) head (\d)", page.text)
    assert rows[0] == (str(worst // 2), str(worst % 2))


def test_script_gets_every_head(report, plan):
    document = json.loads(plan.read_text())
    data = Page((report / "report.html").read_text()).heads()
    errors = head_errors(document, report)
    assert (data["heads"], data["stacks"]) == (4, [{"name": "blocks", "layers": 2, "heads": 2}])
    assert len(data["segments"]) == len(document["segments"])
    for head in range(4):
        share = sum(float(segment["heads"][head][3]) for segment in data["segments"])
        assert share == pytest.approx(100 * errors[head] / sum(errors), abs=0.05 * len(data["segments"]))
        for segment, shown in zip(reversed(document["segments"]), data["segments"], strict=True):
            rows = [] if segment.get("dense") else [e for row in segment["heads"]["default"]["blocks"] for e in row]
            assert shown["heads"][head][0] == (rows[head] if rows else -1)


def test_pictures_hold_the_patterns_colours(report, plan):
    files = {file.stem: file for file in (report / "pictures").iterdir()}
    assert set(files) == {
        "attention_maps", "cost_per_layer", "error_by_head", "error_by_pattern", "error_over_t", "front",
        "head_error_over_t", "heads_map", "psnr_by_frame", "psnr_by_prompt", "seconds",
    }  # fmt: skip
    for file in files.values():
        with Image.open(file) as image:
            assert image.mode == "RGB"
            assert len(image.getcolors(1 << 24)) > 4, file
    document = json.loads(plan.read_text())
    kinds = {
        document["patterns"][entry]["kind"]
        for segment in document["segments"]
        if not segment.get("dense")
        for row in segment["heads"]["default"]["blocks"]
        for entry in row
    }
    colours = {
        "dense": (225, 225, 225), "skip": (90, 90, 90), "mean": (204, 121, 167), "diagonal": (86, 180, 233),
        "multi_diagonal": (0, 158, 115), "vertical_stripe": (213, 94, 0), "window": (240, 228, 66),
        "union": (0, 114, 178),
    }  # fmt: skip
    with Image.open(files["heads_map"]) as image:
        counts = {colour: count for count, colour in image.getcolors(1 << 24)}
    # A legend's swatch is 24 x 24 pixels there; heads are drawn much larger.
    for kind, colour in colours.items():
        assert (counts.get(colour, 0) > 1000) == (kind in kinds or kind == "dense"), kind


def test_several_plans_stand_beside_each_other(twill, tiny_model, plan, evaluated, tmp_path):
    files, measured = [plan, evaluated / "report.json"], []
    for density in (0.35, 0.8):
        other, other_report = tmp_path / f"{density}.json", tmp_path / f"{density}.report.json"
        assert twill("plan", "solve", plan, "--density", density, "--out", other).returncode == 0
        run = twill("evaluate", "--model", tiny_model, "--plan", other, "--prompt", "a red ball", "--out", other_report)
        assert run.returncode == 0, run.stderr
        files += [other, other_report]
    result = twill("report", *files, "--out", tmp_path / "report.html", "--json")
    assert result.returncode == 0, result.stderr
    measured = json.loads(result.stdout)["measured"]
    assert [one["plan"] for one in measured] == [plan.name, "0.35.json", "0.8.json"]
    assert measured[1]["predicted_error"] > measured[0]["predicted_error"] > measured[2]["predicted_error"]
    text = (tmp_path / "report.html").read_text()
    by_prediction = sorted(range(3), key=lambda i: measured[i]["predicted_error"])
    by_measurement = sorted(range(3), key=lambda i: measured[i]["mse"])
    differences = [by_prediction.index(i) - by_measurement.index(i) for i in range(3)]
    correlation = 1 - 6 * sum(d * d for d in differences) / (3 * (9 - 1))
    assert f"Rank correlation {correlation:.3f} over 3 plans" in Page(text).text
    assert "Measured speed and quality" in text


def test_probes_of_the_search_are_compared(twill, plan, tmp_path):
    """As a search may leave them beside its plan."""
    copy = Path(shutil.copy(plan, tmp_path / "probed.json"))
    record = json.loads(plan.with_suffix(".search.json").read_text())
    # Ranks 1 2 3 4 and 1 3 2 4: 1 - 6 x 2 / (4 x 15) = 0.8.
    record["probes"] = [
        {"name": f"probe {i}", "predicted_error": predicted, "clip_mse": mse}
        for i, (predicted, mse) in enumerate([(0.1, 2.0), (0.2, 9.0), (0.3, 8.0), (0.9, 40.0)])
    ]
    beside = copy.with_suffix(".search.json")
    beside.write_text(json.dumps(record))
    assert twill("report", copy, "--out", tmp_path / "report.html").returncode == 0
    text = (tmp_path / "report.html").read_text()
    assert "Rank correlation 0.800 over 4 plans" in Page(text).text
    assert "probe 2: predicted 0.3, measured 8" in text
    record["probes"][1]["clip_mse"] = "many"
    beside.write_text(json.dumps(record))
    said = twill.refuses(1, "report", copy, "--out", tmp_path / "no.html")
    assert said.startswith(f'{beside}: probes[1].clip_mse: "many" is no number')
    assert not (tmp_path / "no.html").exists()


def test_plan_alone_says_what_is_not_known(twill, plan, tmp_path):
    result = twill("report", plan, "--out", tmp_path / "report.html")
    assert result.returncode == 0, result.stderr
    assert "no measured quality: no report of an evaluation was given" in result.stdout
    page = Page((tmp_path / "report.html").read_text())
    assert "no measured quality" in page.text
    assert "PSNR, mean" not in page.text


def test_plan_that_loses_nothing(twill, tiny_model, plan, tmp_path):
    """Errors of 0 and a PSNR without bound."""
    dense = tmp_path / "dense.json"
    assert twill("plan", "solve", plan, "--density", 1, "--out", dense).returncode == 0
    run = twill(
        "evaluate", "--model", tiny_model, "--plan", dense, "--prompt", "a red ball", "--out", tmp_path / "r.json"
    )
    assert run.returncode == 0, run.stderr
    measured = json.loads((tmp_path / "r.json").read_text())
    measured["psnr_db"] = measured["psnr_db_worst"] = measured["rows"][0]["psnr_db"] = "inf"
    measured["rows"][0]["psnr_db_frames"] = ["inf"] * 33
    (tmp_path / "r.json").write_text(json.dumps(measured))
    result = twill("report", dense, tmp_path / "r.json", "--out", tmp_path / "report.html", "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["predicted_error"] == 0
    text = (tmp_path / "report.html").read_text()
    page = Page(text)
    assert not_numbers(page) == []
    assert "∞ dB" in page.text
    drawings(text)


def test_names_from_files_stay_text(twill, plan, tmp_path):
    document = json.loads(plan.read_text())
    document["name"] = "</script><script>alert(1)</script> & <b>"
    document["provenance"]["note"] = '"><img src=http://example.org/a.png>'
    hostile = tmp_path / "hostile.json"
    hostile.write_text(json.dumps(document))
    assert twill("report", hostile, "--out", tmp_path / "report.html").returncode == 0
    text = (tmp_path / "report.html").read_text()
    page = Page(text)
    assert [tag for tag, _ in page.tags].count("script") == 2
    assert all(source.startswith("data:") for source in page.sources)
    assert "</script><script>alert(1)</script> & <b>" in page.text
    drawings(text)


def test_repeating_commands_are_those_that_made_it(report, plan, twill, tmp_path):
    page = (report / "report.html").read_text()
    commands = re.search(r"<pre>(.*?)</pre>", page, re.DOTALL)[1].replace("&#39;", "'").splitlines()
    assert [command.split()[1] for command in commands] == ["search", "evaluate", "report"]
    assert "--prompt 'a red ball' --seed 0 --points 2" in commands[0]
    assert "--density 0.6" in commands[0]
    # The last one, as it stands there, makes the same page again.
    command = commands[2].split()[1:]
    command[command.index("--out") + 1] = str(tmp_path / "again.html")
    assert twill(*command).returncode == 0
    assert "Quality over density" in (tmp_path / "again.html").read_text()


def test_adapting_is_told_and_repeated(twill, tiny_model, plan, tmp_path):
    measured = tmp_path / "report.json"
    result = twill(
        "evaluate", "--adapt", "--model", tiny_model, "--plan", plan, "--prompt", "a red ball", "--frames", 17,
        "--timed", 0, "--out", measured, "--json",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["adapted"] is True
    result = twill("report", plan, measured, "--layout", "5x8x8", "--out", tmp_path / "report.html")
    assert result.returncode == 0, result.stderr
    page = (tmp_path / "report.html").read_text()
    commands = re.search(r"<pre>(.*?)</pre>", page, re.DOTALL)[1].splitlines()
    assert commands[1].startswith("twill evaluate --adapt --prompt")
    assert "adapted to each clip" in Page(page).text


@pytest.fixture
def out(tmp_path):
    """An output file in a folder of its own, which must stay empty."""
    folder = tmp_path / "out"
    folder.mkdir()
    yield folder / "report.html"
    assert list(folder.iterdir()) == []


def without(document, *path):
    for step in path[:-1]:
        document = document[step]
    del document[path[-1]]


def put(document, value, *path):
    for step in path[:-1]:
        document = document[step]
    document[path[-1]] = value


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(lambda d: without(d, "density"), ': "density" is missing', id="no_density"),
        pytest.param(lambda d: put(d, "high", "density"), ': density: "high" is no number in 0..1', id="density_text"),
        pytest.param(lambda d: put(d, 1.5, "density"), ": density: 1.5 is no number in 0..1", id="density_above_one"),
        pytest.param(lambda d: put(d, [], "rows"), ": rows is empty", id="no_rows"),
        pytest.param(lambda d: put(d, 7, "rows"), ": rows is no list", id="rows_no_list"),
        pytest.param(lambda d: without(d, "rows", 1, "psnr_db"), ': rows[1]: "psnr_db" is missing', id="row_no_psnr"),
        pytest.param(
            lambda d: put(d, None, "rows", 0, "ssim"), ": rows[0].ssim: null is no number in -1..1", id="ssim_null"
        ),
        pytest.param(
            lambda d: put(d, "nan", "rows", 0, "psnr_db_frames", 3), ": rows[0].psnr_db_frames[3]", id="frame_text"
        ),
        pytest.param(lambda d: put(d, 0.5, "steps"), ": steps: 0.5 is no whole number", id="half_a_step"),
        pytest.param(lambda d: put(d, 5, "steps"), ": its density ", id="another_number_of_steps"),
        pytest.param(lambda d: put(d, 0, "layout", "rows"), ": layout.rows: 0 is no number in 1..", id="no_tokens"),
    ],
)
def test_damaged_report(twill, plan, evaluated, tmp_path, out, change, said):
    document = json.loads((evaluated / "report.json").read_text())
    change(document)
    damaged = tmp_path / "damaged.json"
    damaged.write_text(json.dumps(document))
    line = twill.refuses(1, "report", plan, damaged, "--out", out)
    assert line.startswith(str(damaged))
    assert said in line


def test_truncated_report(twill, plan, evaluated, tmp_path, out):
    damaged = tmp_path / "damaged.json"
    text = (evaluated / "report.json").read_text()
    damaged.write_text(text[: len(text) // 2])
    assert twill.refuses(1, "report", plan, damaged, "--out", out).startswith(f"{damaged}: line ")
    damaged.write_text('{"rows": ' + "[" * 200_000 + "]" * 200_000 + "}")
    assert twill.refuses(1, "report", plan, damaged, "--out", out) == f"{damaged}: nested deeper than 64"


def test_wrong_files(twill, plan, evaluated, tmp_path, out):
    measured = evaluated / "report.json"
    bare = tmp_path / "bare.json"
    document = json.loads(plan.read_text())
    del document["profile"]
    bare.write_text(json.dumps(document))
    said = f"{bare}: the plan holds no profile, from which a report's numbers come"
    assert twill.refuses(1, "report", bare, "--out", out) == said
    nothing = tmp_path / "nothing.json"
    nothing.write_text("{}")
    assert "is neither a plan" in twill.refuses(1, "report", nothing, "--out", out)
    assert "cannot be read" in twill.refuses(1, "report", tmp_path / "missing.json", "--out", out)
    assert "stands behind the plan" in twill.refuses(2, "report", measured, "--out", out)
    assert "needs its report behind it" in twill.refuses(2, "report", plan, bare, "--out", out)
    assert "worst.png" in twill.refuses(1, "report", plan, "--clips", tmp_path, "--out", out)
    assert "--out" in twill.refuses(2, "report", plan)
    other = tmp_path / "other.json"
    assert twill("plan", "solve", plan, "--density", 0.4, "--out", other).returncode == 0
    assert "it is of another plan" in twill.refuses(1, "report", other, measured, "--out", out)
    assert "steps 4 is not the 9" in twill.refuses(2, "report", plan, measured, "--steps", 9, "--out", out)


@pytest.mark.parametrize("pictures", [False, True], ids=["page", "pictures"])
def test_full_disk_leaves_nothing(twill, plan, out, pictures):
    def few_bytes():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    more = ["--pictures", out.parent] if pictures else []
    result = subprocess.run(
        [twill.program, "report", "--quiet", plan, "--out", out, *more],
        capture_output=True, text=True, preexec_fn=few_bytes, timeout=60,
    )  # fmt: skip
    assert result.returncode == 1
    assert "cannot be written: " in result.stderr
    # Charts that did fit were whole.
    for file in out.parent.iterdir():
        with Image.open(file) as image:
            image.load()
        file.unlink()


def test_unwritable_place_is_found_before_any_work(twill, plan, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert str(blocked) in twill.refuses(1, "report", plan, "--out", blocked / "report.html")


@pytest.fixture(scope="module")
def difference(twill, plan, tmp_path_factory) -> dict:
    folder = tmp_path_factory.mktemp("difference")
    after = folder / "after.json"
    assert twill("plan", "solve", plan, "--density", 0.4, "--out", after).returncode == 0
    result = twill(
        "plan", "diff", plan, after, "--report", folder / "diff.html", "--picture", folder / "diff.png", "--json"
    )
    assert result.returncode == 0, result.stderr
    return {"folder": folder, "after": after, **json.loads(result.stdout)}


def test_difference_of_plans_in_numbers(twill, plan, report, difference):
    page = Page((difference["folder"] / "diff.html").read_text())
    drawings((difference["folder"] / "diff.html").read_text())
    before, after = (json.loads(file.read_text()) for file in (plan, difference["after"]))
    change = difference["change"]
    assert change["predicted_error"] == pytest.approx(
        [sum(head_errors(before, report)), sum(head_errors(after, report))], rel=1e-6
    )
    assert change["density"][1] <= 0.4 + 1e-9 and 0.4 < change["density"][0] <= 0.6 + 1e-9
    assert f"{change['density'][0]:.3f} to {change['density'][1]:.3f}" in page.text
    ratio = 100 * (sum(head_errors(after, report)) / sum(head_errors(before, report)) - 1)
    assert f"+{ratio:.1f} %" in page.text
    assert [tag for tag, _ in page.tags].count("tr") == 1 + len(difference["differences"])
    assert "predicted error" in twill("plan", "diff", plan, difference["after"]).stdout


def test_difference_of_plans_as_a_picture(difference):
    with Image.open(difference["folder"] / "diff.png") as image:
        counts = {colour: count for count, colour in image.getcolors(1 << 24)}
    # The colour of ink marks the heads that differ; letters of the same colour are far less.
    assert counts[(27, 31, 39)] > 20_000


def test_difference_without_a_profile_says_so(twill, plan, tmp_path):
    bare = tmp_path / "bare.json"
    document = json.loads(plan.read_text())
    del document["profile"]
    bare.write_text(json.dumps(document))
    result = twill("plan", "diff", bare, bare, "--report", tmp_path / "diff.html")
    assert result.returncode == 0, result.stderr
    assert "neither plan holds a profile" in result.stdout
    assert "neither plan holds a profile" in Page((tmp_path / "diff.html").read_text()).text


def chromium() -> str:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium is installed to open the page in")
    return program


PROBE = """<script>
addEventListener("load", () => {
  const panel = document.querySelector(".panel.patterns");
  const box = panel.getBoundingClientRect();
  panel.dispatchEvent(new MouseEvent("mousemove", {clientX: box.left + 3, clientY: box.top + 3, bubbles: true}));
  document.body.dataset.tip = document.getElementById("tip").textContent;
  document.body.dataset.marks = document.querySelectorAll("rect.mark").length;
  document.querySelector('.legend[data-kind="skip"]').dispatchEvent(new MouseEvent("click", {bubbles: true}));
  document.body.dataset.faded = [...document.querySelectorAll(".patterns path")]
    .filter((path) => path.style.opacity === "0.12").length;
});
</script></body>"""


def test_a_browser_opens_it_without_errors_or_requests(report, tmp_path):
    text = (report / "report.html").read_text()
    # The test's own probe acts as the mouse.
    page = tmp_path / "page.html"
    page.write_text(text.replace("</body>", PROBE))
    log = tmp_path / "net.json"
    result = subprocess.run(
        [
            chromium(), "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
            "--disable-background-networking", "--enable-logging=stderr", f"--log-net-log={log}", "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True, text=True, timeout=120, env={**os.environ, "HOME": str(tmp_path)},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-2000:]
    assert [line for line in result.stderr.splitlines() if "CONSOLE" in line] == []
    body = re.search(r"<body ([^>]*)>", result.stdout)[1]
    assert "blocks.0 head 0, t 1 to" in body
    segments = len(json.loads(re.search(r'id="heads-data">(.*?)</script>', text, re.DOTALL)[1])["segments"])
    assert f'data-marks="{4 * segments}"' in body
    assert int(re.search(r'data-faded="(\d+)"', body)[1]) > 0
    # Whatever the page itself asked for would stand here under the page's own origin.
    asked = re.findall(r'"url":"((?:https?|wss?|ftp)://[^"]*)"', log.read_text())
    assert [url for url in asked if not re.search(r"//[\w.-]*(google|gvt1|gstatic|googleapis)\.", url)] == []
