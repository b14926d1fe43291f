# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What this installation and machine can do, what is missing, and what is wrong, in sentences."""

import importlib.util
import os
import platform
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy

import twill_vdit
from twill_vdit import native
from twill_vdit.errors import Error
from twill_vdit.nvidia_driver import driver_version
from twill_vdit.plan_io import read_plan
from twill_vdit.whole_files import changed_since_installed, why_not_model

if TYPE_CHECKING:
    from twill_vdit.backends import BackendRow

DISTRIBUTION = "twill-vdit"
# The first driver that runs code of a CUDA release: https://docs.nvidia.com/deploy/cuda-compatibility
FIRST_DRIVER = {12: 525, 13: 580}


@dataclass
class Report:
    """missing: what this machine or build lacks, which may be as it should be. problems: what is wrong."""

    versions: dict[str, str] = field(default_factory=dict)
    devices: list[dict[str, str]] = field(default_factory=list)
    driver: dict[str, str] = field(default_factory=dict)
    kernels: list[dict[str, str | bool]] = field(default_factory=list)  # {name, runs, why_not}
    attention: "list[BackendRow]" = field(default_factory=list)  # of backends.backend_report
    models: list[dict[str, str]] = field(default_factory=list)  # {folder, why_not}
    presets: list[dict[str, str]] = field(default_factory=list)  # {file, name, family, why_not}
    write_access: list[dict[str, str]] = field(default_factory=list)  # {folder, why_not}
    missing: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def why_not_driver(driver: str, cuda: str, whose: str) -> str:
    """driver: "550.54.14" or empty; cuda: "13.0", the release that `whose` code is built with."""
    if not driver:
        return "no NVIDIA driver was found, so there is no GPU to run on"
    first = FIRST_DRIVER.get(int(cuda.split(".")[0]), 0)
    if int(driver.split(".")[0]) < first:
        need = f"is built with CUDA {cuda} and needs driver {first} or newer"
        return f"the NVIDIA driver {driver} is too old: {whose} {need}"
    return ""


def cuda_name(version: int) -> str:
    return f"{version // 1000}.{version % 1000 // 10}"


def _add_versions(report: Report) -> None:
    torch_there = importlib.util.find_spec("torch") is not None
    report.versions = {
        "twill_vdit": twill_vdit.__version__,
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "torch": metadata.version("torch") if torch_there else "",
        "system": platform.platform(),
    }
    if not torch_there:
        report.missing.append("torch is not installed: plans can be read and written, not run; pip install torch")
    if native.binary is None:
        report.missing.append(
            f"the binary module is not there ({native.why_not}): plans run by CUDA kernels that are compiled here, or "
            "slower in plain torch or FlexAttention, and nothing can be searched; install a wheel for this system, or "
            "from source with a C++20 compiler"
        )
    elif native.binary.__version__ != twill_vdit.__version__:
        report.problems.append(
            f"{native.binary.__file__}: of version {native.binary.__version__}, the Python files are of "
            f"{twill_vdit.__version__}; install twill-vdit again"
        )


def _add_machine(report: Report) -> None:
    processor = platform.processor() or platform.machine()
    report.devices.append({"name": "cpu", "what": f"{processor}, {os.cpu_count()} threads"})
    report.driver = {"nvidia": driver_version(), "cuda_of_kernels": "", "cuda_of_driver": ""}
    if native.binary is None:
        return
    for kernel in native.binary.cpu_kernels():
        name = f"cpu {kernel['name']}"
        report.kernels.append({"name": name, "runs": not kernel["why_not"], "why_not": kernel["why_not"]})
    machine = native.binary.cuda_machine()
    report.driver["cuda_of_kernels"] = cuda_name(machine["built_with"]) if machine["built_with"] else ""
    report.driver["cuda_of_driver"] = cuda_name(machine["driver_takes"]) if machine["driver_takes"] else ""
    why_not = machine["why_not"]
    for device in machine["devices"]:
        capability = f"{device['capability'] // 10}.{device['capability'] % 10}"
        memory = f"{device['memory_bytes'] / 2**30:.0f} GiB"
        report.devices.append({"name": "cuda", "what": f"{device['name']}, {capability}, {memory}"})
        if device["why_not"]:
            report.missing.append(f"CUDA kernels on {device['name']}: {device['why_not']}")
    if why_not:
        (report.problems if "too old" in why_not else report.missing).append(f"CUDA kernels: {why_not}")
    for kernel in machine["kernels"]:
        report.kernels.append(
            {"name": f"cuda {kernel['name']}", "runs": not kernel["why_not"], "why_not": kernel["why_not"]}
        )


def _add_attention(report: Report) -> None:
    if not report.versions["torch"]:
        return
    try:
        import torch
    except (ImportError, OSError) as error:
        report.problems.append(f"torch {report.versions['torch']} is installed but does not load: {error}")
        return
    report.driver["cuda_of_torch"] = torch.version.cuda or ""
    if torch.version.cuda and not torch.cuda.is_available() and report.driver["nvidia"]:
        why_not = why_not_driver(report.driver["nvidia"], torch.version.cuda, f"torch {torch.__version__}")
        report.problems.append(why_not or f"torch {torch.__version__} sees no GPU, though there is an NVIDIA driver")
    from twill_vdit.backends import backend_report
    from twill_vdit.runtime_kernels.launching import why_not_kernels

    for name, why_not in why_not_kernels():
        report.kernels.append({"name": f"compiled here {name}", "runs": not why_not, "why_not": why_not})
    report.attention = backend_report()


def _add_files(report: Report, models: Sequence[Path]) -> None:
    folders = list(models)
    try:
        folders.insert(0, twill_vdit.demo_model_folder())
        files = twill_vdit.preset_files()
    except Error as error:
        report.problems.append(str(error))
        files = []
    for folder in folders:
        report.models.append({"folder": str(folder), "why_not": why_not_model(folder)})
    for file in files:
        entry = {"file": str(file), "name": "", "family": "", "why_not": ""}
        try:
            plan = read_plan(file)
            entry |= {"name": plan.name, "family": plan.model.family}
        except Error as error:
            entry["why_not"] = str(error)
        report.presets.append(entry)
    report.problems += [entry["why_not"] for entry in [*report.models, *report.presets] if entry["why_not"]]
    try:
        distribution = metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return
    package = Path(twill_vdit.__file__).parent
    if Path(str(distribution.locate_file("twill_vdit"))).resolve() == package.resolve():
        known = " ".join(report.problems)
        changed = changed_since_installed(distribution)
        report.problems += [problem for problem in changed if problem.split(": ")[0] not in known]


def why_not_writable(folder: Path) -> str:
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".twill-"):
            return ""
    except OSError as error:
        return f"{folder}: nothing can be written there ({error.strerror or error})"


def _add_write_access(report: Report, folders: Iterable[Path]) -> None:
    for folder in dict.fromkeys(folders):
        report.write_access.append({"folder": str(folder), "why_not": why_not_writable(folder)})
    report.missing += [entry["why_not"] for entry in report.write_access if entry["why_not"]]


def examine(models: Sequence[Path] = (), folders: Sequence[Path] = ()) -> Report:
    """models: model folders to look at besides the demo model; folders: where somebody wants to write."""
    report = Report()
    _add_versions(report)
    _add_machine(report)
    _add_attention(report)
    _add_files(report, models)
    _add_write_access(report, [Path.cwd(), Path(tempfile.gettempdir()), *folders])
    return report


def describe(report: Report) -> str:
    lines = [f"{name}: {value or 'not there'}" for name, value in report.versions.items()]
    lines += [f"device {entry['name']}: {entry['what']}" for entry in report.devices]
    driver = report.driver
    lines.append(f"NVIDIA driver: {driver['nvidia'] or 'none'}" + _of_cuda(driver))
    lines += [f"kernel {entry['name']}: {entry['why_not'] or 'runs'}" for entry in report.kernels]
    alike = defaultdict(list)
    for row in report.attention:
        reasons = "".join(f"; not {name}: {reason}" for name, reason in row["passed_over"].items())
        answer = f"{row['kernel']} ({row['because']})" if row["because"] else row["kernel"]
        if row["int8"] and row["int8_because"]:
            answer += f"; heads in int8 by {row['int8']} ({row['int8_because']})"
        elif row["device"] != "cpu":
            answer += f"; heads in int8 as bf16: {row['int8_because']}"
        alike[row["device"], answer + reasons].append(f"{row['dtype']} x {row['head_dim']}")
    lines += [f"attention on {device}, {', '.join(calls)}: {answer}" for (device, answer), calls in alike.items()]
    lines += [f"model {entry['folder']}: {entry['why_not'] or 'whole'}" for entry in report.models]
    whole = [entry for entry in report.presets if not entry["why_not"]]
    lines.append(f"presets: {len(whole)} plans for {', '.join(sorted({e['family'] for e in whole})) or 'no model yet'}")
    lines += [f"folder {entry['folder']}: {entry['why_not'] or 'can be written'}" for entry in report.write_access]
    lines += [f"missing: {sentence}" for sentence in report.missing]
    lines += [f"wrong: {sentence}" for sentence in report.problems]
    return "\n".join(lines)


def _of_cuda(driver: dict[str, str]) -> str:
    parts = [
        f"{text} {driver[name]}"
        for name, text in (
            ("cuda_of_driver", "runs CUDA up to"),
            ("cuda_of_kernels", "the kernels are built with CUDA"),
            ("cuda_of_torch", "torch with CUDA"),
        )
        if driver.get(name)
    ]
    return f" ({'; '.join(parts)})" if parts else ""
