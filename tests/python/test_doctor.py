# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""python -m twill_vdit doctor: what it reports, and its sentences for what is wrong."""

import base64
import hashlib
import json
import struct
from importlib import metadata

import pytest

import plan_texts
import twill_vdit
from attention_cases import PATTERNS
from twill_vdit import __main__, doctor, native, whole_files


@pytest.fixture
def presets(tmp_path, monkeypatch):
    """A folder of presets with a model and a plan, that the package takes for its own."""
    folder = tmp_path / "presets"
    (folder / "demo").mkdir(parents=True)
    (folder / "demo/model.json").write_text(json.dumps({"family": "wan2.1-t2v", "files": {"dit": "dit.safetensors"}}))
    write_tensor(folder / "demo/dit.safetensors")
    (folder / "some-model").mkdir()
    plan = twill_vdit.parse_plan(plan_texts.plan_text([list(PATTERNS.values())]), "made")
    (folder / "some-model/quality.json").write_text(plan.text)
    monkeypatch.setenv("TWILL_PRESETS", str(folder))
    return folder


def write_tensor(file):
    header = json.dumps({"x": {"dtype": "F32", "shape": [100], "data_offsets": [0, 400]}}).encode()
    file.write_bytes(struct.pack("<Q", len(header)) + header + bytes(400))


def report_of(capsys, *arguments):
    code = __main__.main(["doctor", "--json", *map(str, arguments)])
    return code, json.loads(capsys.readouterr().out)


def test_it_reports_and_finds_nothing_wrong(presets, capsys):
    code, report = report_of(capsys)
    assert (code, report["problems"]) == (0, [])
    assert report["versions"]["twill_vdit"] == twill_vdit.__version__
    assert report["models"] == [{"folder": str(presets / "demo"), "why_not": ""}]
    assert [(entry["name"], entry["family"], entry["why_not"]) for entry in report["presets"]] == [
        ("made by a test", "wan2.1-t2v", "")
    ]
    assert all(entry["why_not"] == "" for entry in report["write_access"])
    assert {row["runs"] for row in report["attention"]} <= {
        "native_cuda",
        "runtime_cuda",
        "native_cpu",
        "flex",
        "eager",
    }
    compiled_here = [entry for entry in report["kernels"] if entry["name"].startswith("compiled here ")]
    kernels_of_cards = ["portable", "compact", "int8", "int8_compact"]
    assert [entry["name"] for entry in compiled_here] == [f"compiled here {name}" for name in kernels_of_cards]
    assert all(entry["runs"] == (entry["why_not"] == "") for entry in compiled_here)
    if native.binary is None:
        assert any("the binary module is not there" in sentence for sentence in report["missing"])
    else:
        kernels = {entry["name"]: entry for entry in report["kernels"]}
        assert kernels["cpu portable"]["runs"]
        assert all(entry["runs"] == (entry["why_not"] == "") for entry in kernels.values())
        assert all(f"cuda {name}" in kernels for name in kernels_of_cards)
        assert kernels["cuda compact"]["runs"] or any("CUDA kernels: " in sentence for sentence in report["missing"])


def test_its_text_says_the_same(presets, capsys):
    assert __main__.main(["doctor"]) == 0
    text = capsys.readouterr().out
    assert f"twill_vdit: {twill_vdit.__version__}\n" in text
    assert f"model {presets / 'demo'}: whole\n" in text
    assert "presets: 1 plans for wan2.1-t2v\n" in text
    assert "attention on cpu, " in text
    assert "NVIDIA driver: " in text


def truncate(file, size):
    file.write_bytes(file.read_bytes()[:size])


HEADER = 8 + len(json.dumps({"x": {"dtype": "F32", "shape": [100], "data_offsets": [0, 400]}}))


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        pytest.param(
            lambda f: truncate(f, HEADER + 100),
            f"half copied, {HEADER + 100:,} of {HEADER + 400:,} bytes are there; copy it again",
            id="half_copied",
        ),
        pytest.param(
            lambda f: truncate(f, 30),
            "half copied, 30 bytes end inside its header; copy it again",
            id="half_a_header",
        ),
        pytest.param(lambda f: truncate(f, 3), "3 bytes are no safetensors file; copy it again", id="nearly_empty"),
        pytest.param(
            lambda f: f.write_bytes(f.read_bytes() + bytes(12)),
            "12 bytes longer than its header says; copy it again",
            id="too_long",
        ),
        pytest.param(
            lambda f: f.write_bytes(b"<html>" + bytes(2000)),
            "not a safetensors file",
            id="another_format",
        ),
        pytest.param(
            lambda f: f.write_bytes(struct.pack("<Q", 20) + b"not json".ljust(20) + bytes(9)),
            "not a safetensors file, or a damaged one: its header cannot be read; copy it again",
            id="damaged_header",
        ),
        pytest.param(
            lambda f: f.write_bytes(struct.pack("<Q", 1 << 20) + b'{"x":' + b"[" * ((1 << 20) - 5)),
            "not a safetensors file, or a damaged one: its header cannot be read; copy it again",
            id="deep_header",
        ),
        pytest.param(
            lambda f: f.write_text("version https://git-lfs.example/spec/v1\n"),
            "a pointer of Git LFS, not the file itself; fetch it with git lfs pull",
            id="lfs_pointer",
        ),
        pytest.param(lambda f: f.unlink(), "No such file or directory", id="missing"),
    ],
)
def test_a_wrong_or_half_copied_file_is_named(presets, capsys, damage, sentence):
    file = presets / "demo/dit.safetensors"
    damage(file)
    code, report = report_of(capsys)
    assert code == 1
    assert report["problems"] == [f"{file}: {sentence}"]


def test_a_damaged_plan_and_model_description_are_named(presets, capsys):
    (presets / "some-model/quality.json").write_text('{"schema_version": "1.0", ')
    (presets / "demo/model.json").write_text("[]")
    code, report = report_of(capsys)
    assert code == 1
    assert report["problems"][0].startswith(f"{presets / 'demo/model.json'}: not a model's description")
    assert report["problems"][1].startswith(f"{presets / 'some-model/quality.json'}: ")


def test_missing_presets_are_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TWILL_PRESETS", str(tmp_path / "nowhere"))
    code, report = report_of(capsys)
    assert code == 1
    assert report["problems"] == [f"{tmp_path / 'nowhere/demo/model.json'}: no such file; the demo model is not there"]


def test_a_folder_that_cannot_be_written_is_named(presets, tmp_path, capsys):
    _, report = report_of(capsys, "--folder", tmp_path / "nowhere")
    assert f"{tmp_path / 'nowhere'}: nothing can be written there (No such file or directory)" in report["missing"]


@pytest.mark.parametrize(
    ("driver", "cuda", "sentence"),
    [
        pytest.param("580.159.04", "13.0", "", id="new_enough"),
        pytest.param("550.54.14", "12.8", "", id="an_older_cuda"),
        pytest.param(
            "570.86.10",
            "13.0",
            "the NVIDIA driver 570.86.10 is too old: torch is built with CUDA 13.0 and needs driver 580 or newer",
            id="too_old",
        ),
        pytest.param("", "13.0", "no NVIDIA driver was found, so there is no GPU to run on", id="none"),
    ],
)
def test_an_old_driver_is_refused_in_a_sentence(driver, cuda, sentence):
    assert doctor.why_not_driver(driver, cuda, "torch") == sentence


@pytest.mark.skipif(native.binary is None, reason=f"no binary module: {native.why_not}")
@pytest.mark.parametrize(
    ("machine", "section", "sentence"),
    [
        pytest.param(
            {"why_not": "driver"},
            "problems",
            "CUDA kernels: the NVIDIA driver is too old: it runs CUDA 12.4, these kernels are "
            "built with CUDA 13.0 and need driver 580 or newer",
            id="old_driver",
        ),
        pytest.param(
            {"why_not": "none"},
            "missing",
            "CUDA kernels: no NVIDIA driver was found, so there is no GPU to run on",
            id="no_gpu",
        ),
        pytest.param(
            {"capability": 75},
            "missing",
            "CUDA kernels on RTX 2080: the device has compute capability 7.5; the kernels are "
            "for 8.0 and newer (A100, RTX 30 and later), elsewhere plans run in plain PyTorch",
            id="unsupported_card",
        ),
    ],
)
def test_gpus_that_do_not_do_are_refused_in_a_sentence(presets, capsys, monkeypatch, machine, section, sentence):
    why_not = {"driver": native.binary.why_not_driver(13000, 12040), "none": native.binary.why_not_driver(13000, 0)}
    capability = machine.get("capability", 90)
    card = {"name": "RTX 2080", "capability": capability, "memory_bytes": 24 << 30,
            "why_not": native.binary.why_not_capability(capability)}  # fmt: skip
    answer = {
        "built_with": 13000,
        "driver_takes": 12040,
        "why_not": why_not.get(machine.get("why_not"), ""),
        "devices": [card] if "capability" in machine else [],
        "kernels": [{"name": "compact", "why_not": sentence}],
    }
    monkeypatch.setattr(native.binary, "cuda_machine", lambda: answer)
    _, report = report_of(capsys)
    assert sentence in report[section]
    assert {"name": "cuda compact", "runs": False, "why_not": sentence} in report["kernels"]


def test_files_that_changed_since_they_were_installed_are_named(tmp_path):
    (tmp_path / "made-1.0.dist-info").mkdir()
    (tmp_path / "made-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: made\nVersion: 1.0\n")
    rows = []
    for name in ("whole.bin", "changed.bin", "gone.bin"):
        (tmp_path / name).write_bytes(name.encode())
        digest = base64.urlsafe_b64encode(hashlib.sha256(name.encode()).digest()).rstrip(b"=").decode()
        rows.append(f"{name},sha256={digest},9\n")
    (tmp_path / "made-1.0.dist-info/RECORD").write_text("".join(rows))
    (tmp_path / "changed.bin").write_bytes(b"other")
    (tmp_path / "gone.bin").unlink()
    (distribution,) = metadata.distributions(name="made", path=[str(tmp_path)])
    assert whole_files.changed_since_installed(distribution) == [
        f"{tmp_path / 'changed.bin'}: not as it was installed; install twill-vdit again",
        f"{tmp_path / 'gone.bin'}: No such file or directory; install twill-vdit again",
    ]


def test_the_shipped_demo_model_is_whole():
    assert whole_files.why_not_model(twill_vdit.demo_model_folder()) == ""
