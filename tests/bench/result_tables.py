# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The tables of pages that follow from result files; make_tables.py writes them."""

import functools
import math
import re
import statistics
from collections.abc import Callable, Iterable

import result_index
from result_paths import FUNCTIONS, read, spearman

POLICIES = {
    "paper_greedy.relative.step": "the paper's greedy rule, λ swept",
    "paper_greedy.gain_and_time.step": "the same with the solver's weights",
    "sta.relative": "STA",
    "svg.relative": "SVG",
    "radial.relative": "Radial",
    "single_pattern.relative": "one pattern for all",
}
PUBLISHED = {"published.svg": "SVG", "published.sta": "STA", "published.radial": "Radial"}
RULES = {
    "solver": "the solver",
    "paper_greedy": "the paper's greedy rule",
    "sta": "STA",
    "svg": "SVG",
    "radial": "Radial",
    "single_pattern": "one pattern for all",
}
SHAPES = {
    "hunyuan-720p": "HunyuanVideo 720p, 24 x 119,056",
    "wan-14b-720p": "Wan 14B 720p, 40 x 75,600",
    "wan-1.3b-480p": "Wan 1.3B 480p, 12 x 32,760",
    "cogvideox-1.5": "CogVideoX1.5, 48 x 45,106, head_dim 64",
    "head-dim-96": "16 x 32,760, head_dim 96",
    "head-dim-256": "8 x 32,760, head_dim 256",
}
SIZES = ("256x256x81", "320x192x33")
TABLES: dict[str, Callable[[], list[str]]] = {}


def table(name: str):
    def listed(make):
        TABLES[name] = make
        return make

    return listed


def lines(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    head = tuple(head)
    first, *rest = (f"| {' | '.join(row)} |" for row in (head, *rows))
    return [first, "|" + "---|" * len(head), *rest]


def span(values: Iterable[float], digits: int, unit: str = "", between: str = "-") -> str:
    """Least and greatest, or one number where both print alike."""
    low, high = (f"{value:.{digits}f}" for value in (min(values), max(values)))
    return f"{low}{unit}" if low == high else f"{low}{between}{high}{unit}"


def two_digits(values: list[float]) -> str:
    return span(values, 0 if min(values) >= 9.5 else 1, "x")


@table("cpu_attention")
def cpu_attention() -> list[str]:
    results = read("attention")["results"]
    rows = []
    for call in ("dense", "vertical_stripe", "diagonal", "mixed", "window", "multi_diagonal"):
        of_call = [(each["dtype"], one) for each in results for one in each["calls"] if one["call"] == call]
        speeds = [[one["ratio"]["median"] for dtype, one in of_call if dtype == name] for name in ("Float", "BFloat16")]
        rows.append((call, span([one["density"] for _, one in of_call], 2), *map(two_digits, speeds)))
    return lines(("pattern", "density", "fp32", "bf16"), rows)


def points(oracles: bool = False) -> list[dict]:
    """Reports of the comparison in order; those of oracles may stand apart, with fewer prompts."""
    found = read("policies")
    chosen = {name: each for name, each in found.items() if not name.endswith("_oracles")}
    if oracles:
        chosen = {name: found.get(f"{name}_oracles", each) for name, each in chosen.items()}
    return sorted(chosen.values(), key=lambda each: (-each["steps"], each["density"]))


def point_names() -> list[str]:
    return [f"{each['density']:.2f}, {each['steps']}" for each in points()]


def with_interval(value: float, interval: list[float], sign: str = "") -> str:
    # + 0.0: what rounds to zero has no sign.
    middle, low, high = (f"{round(each, 1) + 0.0:{sign}.1f}" for each in (value, *interval))
    return f"{middle} ({low} to {high})"


def rows_of(point: dict) -> dict[str, dict]:
    return {each["policy"]: each for each in point["policies"] if "psnr_db" in each}


def behind(row: dict | None) -> str:
    return with_interval(row["behind_solver_db"], row["behind_solver_db_95"]) if row else "-"


@table("policies")
def policies() -> list[str]:
    rows = []
    for name, point in zip(point_names(), points(), strict=True):
        found = rows_of(point)
        rows.append((name, f"{found['solver']['psnr_db']:.1f} dB", *(behind(found.get(each)) for each in POLICIES)))
    return lines(("density, steps", "solver, PSNR", *POLICIES.values()), rows)


@table("policy_factors")
def policy_factors() -> list[str]:
    found = [{each["factor"]: each for each in point["contrasts"]} for point in points()]
    factors = list(dict.fromkeys(factor for each in found for factor in each))
    rows = []
    for factor in factors:
        brings = [each.get(factor) for each in found]
        rows.append(
            (factor, *(with_interval(one["brings_db"], one["brings_db_95"], "+") if one else "-" for one in brings))
        )
    return lines(("what it brings, dB at density, steps", *point_names()), rows)


@table("policies_published")
def policies_published() -> list[str]:
    # Their density is their own, so that points of equal steps say the same; Radial's is the others' greatest.
    by_steps = {point["steps"]: rows_of(point) for point in points()}
    rows = []
    for row, name in PUBLISHED.items():
        cells = [found.get(row) for found in by_steps.values()]
        rows.append((name, *(f"{one['density']:.2f}: {behind(one)}" if one else "-" for one in cells)))
    return lines(("published setting of", *(f"{steps} steps" for steps in by_steps)), rows)


@table("policies_oracles")
def policies_oracles() -> list[str]:
    found = [rows_of(point) for point in points(oracles=True)]
    names = {name for each in found for name in each if name.startswith("oracle.")}
    by_mass_first = sorted(names, key=lambda name: (".error." in name, ".own_order." in name, name))
    rows = [(f"`{name}`", *(behind(each.get(name)) for each in found)) for name in by_mass_first]
    return lines(("oracle, dB behind the solver at density, steps", *point_names()), rows)


@table("transfer")
def transfer() -> list[str]:
    points = read("transfer")["points"]
    rows = []
    for density in (0.25, 0.35, 0.5):
        cells = [f"{density:.2f}"]
        for size in SIZES:
            (point,) = (p for p in points if p["used_at"] == size and p["searched_density"] == density)
            plans = (point[name]["psnr_db"] for name in ("as_it_is", "adapted", "searched_there"))
            cells += [f"{point['density_there']:.3f}", *(f"{psnr:.1f} dB" for psnr in plans)]
        rows.append(cells)
    head = [each for size in SIZES for each in (f"density at {size}", "as it is", "adapted", "searched there")]
    return lines(("found for", *head), rows)


def adapting() -> dict:
    return {each["shape"]: each for each in read("adapting_h200")["shapes"]}


@table("adapting_on_cpu")
def adapting_on_cpu() -> list[str]:
    rows = []
    for shape, name in (("wan-14b", "Wan 14B at 480p"), ("hunyuan-720p", "HunyuanVideo at 720p")):
        found = adapting()[shape]
        cpu, dense = (statistics.median(found["layer_seconds"][who]) for who in ("on_cpu", "dense"))
        share = found["of_run"]["measuring_seconds"]["on_cpu"] / found["of_run"]["dense_attention_seconds"]
        rows.append((name, f"{cpu:.1f} s", f"{dense:.2g} s", f"{share:.1f}"))
    measured = "four measured steps with guidance, over dense attention of 50 steps"
    return lines(("a layer of", "on the CPU, with the copy", "dense attention on the GPU", measured), rows)


@table("adapting")
def adapting_on_gpu() -> list[str]:
    names = {
        "wan-1.3b": "Wan 1.3B at 480p",
        "wan-14b": "Wan 14B at 480p",
        "wan-14b-720p": "Wan 14B at 720p",
        "hunyuan-720p": "HunyuanVideo at 720p",
    }
    rows = []
    for shape, name in names.items():
        found = adapting()[shape]
        seconds = (statistics.median(found["layer_seconds"][who]) for who in ("kernels", "torch"))
        share = found["of_run"]["shares"]["kernels"]
        rows.append((name, *(f"{1e3 * each:.0f} ms" for each in seconds), f"{share:.3f}"))
    measured = "four measured steps and solving again, over dense attention of 50 steps"
    return lines(("a layer of", "kernels", "torch", measured), rows)


@table("measuring")
def measuring() -> list[str]:
    def text(seconds: float) -> str:
        return f"{1e3 * seconds:.2g} ms" if seconds < 0.1 else f"{seconds:.2g} s"

    rows = []
    for row in read("measuring_h200")["layer"]["rows"]:
        name = "the demo model" if row["shape"] == "demo" else row["shape"]
        medians = (statistics.median(row[key][1:]) for key in ("gpu_seconds", "cpu_with_copy_seconds"))
        rows.append((name, *map(text, medians)))
    return lines(("a layer of", "on the GPU", "on the CPU, with the copy"), rows)


@table("costs")
def costs() -> list[str]:
    names = {"costs": "CPU, the demo's layers", "costs_h100": "H100, Wan 1.3B's layers", "costs_h200": "H200, the same"}
    rows = [
        (name, *(f"{100 * read(file)[key]:.1f} %" for key in ("off_median", "off_90_percent", "off_most")))
        for file, name in names.items()
    ]
    return lines(("machine", "median", "90th percentile", "most"), rows)


def rule_of(plan: dict) -> str:
    return plan["name"].split()[0]


def rank_correlation(plans: list[dict]) -> float:
    return spearman([each["predicted_error"] for each in plans], [each["clip_mse"] for each in plans])


def at_density(plans: list[dict], density: float) -> list[dict]:
    """As `twill bench prediction` groups them."""
    return [each for each in plans if abs(each["density"] - density) < 0.02]


DENSITIES = (0.2, 0.3, 0.4, 0.5, 0.6)


@table("prediction")
def prediction() -> list[str]:
    plans = read("prediction")["plans"]
    others = [each for each in plans if rule_of(each) != "solver"]
    rows = []
    for name, some in ((f"all {len(plans)}", plans), (f"without the solver's own {len(plans) - len(others)}", others)):
        at_each = [rank_correlation(at_density(some, density)) for density in DENSITIES]
        cells = (rank_correlation(some), statistics.fmean(at_each), *at_each)
        rows.append((name, *(f"{each:.2f}" for each in cells)))
    return lines(("plans", "all densities", "at equal density, mean", *(f"at {each}" for each in DENSITIES)), rows)


def worse_than_predicted_db(plans: list[dict]) -> list[float]:
    """By how many dB the clips of each plan are worse than predicted, beside the mean of all plans."""
    off = [10 * math.log10(each["clip_mse"] / each["predicted_error"]) for each in plans]
    return [each - statistics.fmean(off) for each in off]


@table("prediction_by_rule")
def prediction_by_rule() -> list[str]:
    plans = read("prediction")["plans"]
    off = worse_than_predicted_db(plans)
    rows = []
    for rule, name in (*RULES.items(), (None, "all")):
        of_rule = [each for plan, each in zip(plans, off, strict=True) if rule in (None, rule_of(plan))]
        rms = math.sqrt(statistics.fmean(each * each for each in of_rule))
        least, mean, most = min(of_rule), statistics.fmean(of_rule), max(of_rule)
        mean = 0.0 if abs(mean) < 0.05 else mean
        rows.append((name, str(len(of_rule)), f"{mean:+.1f} dB", f"{rms:.1f} dB", f"{least:+.1f} to {most:+.1f} dB"))
    return lines(("plans of", "how many", "mean", "rms", "from, to"), rows)


def predicted_and_measured(point: str) -> list[tuple[str, float, float]]:
    """(row, predicted, measured) in dB of every plan of a point of the comparison of rules; no plan twice."""
    found = {}
    for row in read("policies")[f"density_{point}_steps"]["policies"]:
        for run in row.get("profiles", []):
            if "clip_error" in run:
                mse = statistics.fmean(10 ** (-psnr / 10) for psnr in run["psnr_db"])
                found[run["clip_error"], mse] = (
                    row["policy"],
                    *(10 * math.log10(of) for of in (run["clip_error"], mse)),
                )
    return list(found.values())


def rms_about_mean(plans: list[tuple[str, float, float]]) -> float:
    return statistics.pstdev(measured - predicted for _, predicted, measured in plans)


@table("policies_prediction")
def policies_prediction() -> list[str]:
    def of_others(plans: list[tuple[str, float, float]]) -> list[tuple[str, float, float]]:
        return [each for each in plans if not each[0].startswith("solver")]

    def texts(measure: Callable[..., str], plans: list[tuple[str, float, float]]) -> list[str]:
        return [measure(plans), measure(of_others(plans))]

    def ranks(plans: list[tuple[str, float, float]]) -> str:
        return f"{spearman([of for _, of, _ in plans], [of for *_, of in plans]):.2f}"

    def rms(plans: list[tuple[str, float, float]]) -> str:
        return f"{rms_about_mean(plans):.1f} dB"

    points = {point: predicted_and_measured(point) for point in ("0.25_20", "0.35_20", "0.50_20", "0.50_8", "0.50_4")}
    rows = [
        (point.replace("_", ", "), *texts(lambda some: str(len(some)), plans), *texts(ranks, plans), *texts(rms, plans))
        for point, plans in points.items()
    ]
    every = [each for plans in points.values() for each in plans]
    rows.append(("all", *texts(lambda some: str(len(some)), every), "", "", *texts(rms, every)))
    head = ("density, steps", "plans", "of others", "rank correlation", "of others", "rms", "of others")
    return lines(head, rows)


def rate(row: dict | None) -> str:
    return f"{row['tflops']:.0f}" if row else ""


def rate_with_range(row: dict | None) -> str:
    return f"{rate(row)} ({row['tflops_range'][0]:.0f}-{row['tflops_range'][1]:.0f})" if row else ""


@table("hopper_h200")
def hopper_h200() -> list[str]:
    rows = []
    for row in read("hopper_h200")["attention"]:
        case = row["case"].rstrip("0123456789. ").replace("_", " ")
        of_128 = row.get("flash_attention_4") or row.get("flash_attention_4_128")
        rates = (rate_with_range(row["hopper"]), rate(of_128), rate(row.get("flash_attention_4_64")))
        rest = (rate(row.get("cudnn")), rate(row.get("band")))
        faster = f"{row['hopper']['tflops'] / of_128['tflops']:.2f}" if of_128 else ""
        rows.append((SHAPES[row["shape"]], case, f"{row['density']:.2f}", *rates, *rest, faster))
    head = ("heads x tokens", "list", "density", "`hopper` (range of 5 rounds)", "FA4, 128 keys", "FA4, 64 keys")
    return lines((*head, "cuDNN", "a band of this density", "over FA4, 128 keys"), rows)


@table("kernels_h200")
def kernels_h200() -> list[str]:
    rows = []
    for row in read("kernels_h200")["attention"]:
        rates = (rate_with_range(row[who]) for who in ("portable", "compact", "flash_attention_2"))
        rows.append((SHAPES[row["shape"]], row["case"], *rates))
    return lines(("heads x tokens", "list", "`portable`", "`compact`", "FlashAttention-2"), rows)


@table("int8_h200")
def int8_h200() -> list[str]:
    rows = []
    for row in read("int8_h200")["attention"]:
        if "ms" not in row["int8"]:
            continue
        rival, pooled = row.get("comfy_kitchen_int8") or row.get("sol_attn"), row.get("sol_attn_tail")
        of_rival = f"{rival['ms']:.1f}" + (f" / {pooled['ms']:.1f}" if pooled else "") if rival else ""
        faster = f"{rival['ms'] / row['int8']['ms']:.2f}" if rival else ""
        of_portable = f"{row['portable']['ms'] / row['int8']['ms']:.2f}"
        ours = (rate_with_range(row["int8"]), f"{row['int8']['ms']:.1f}")
        rows.append((SHAPES[row["shape"]], row["case"], *ours, of_rival, faster, of_portable))
    head = ("heads x tokens", "list", "`int8`, TFLOP/s", "ms", "comfy-kitchen, ms", "over that", "over `portable`")
    return lines(head, rows)


@table("int8_errors")
def int8_errors() -> list[str]:
    def both(row: dict | None) -> str:
        errors = (row or {}).get("relative_error")
        return f"{errors['mean']:.4f} ({errors['largest']:.4f})" if errors else ""

    of = ("int8", "comfy_kitchen_int8", "portable")
    rows = [
        (SHAPES[row["shape"]], row["inputs"], *(both(row.get(who)) for who in of))
        for row in read("int8_h200")["attention"]
        if row["case"] == "dense"
    ]
    return lines(("heads x tokens", "inputs", "`int8`", "comfy-kitchen INT8", "`portable`"), rows)


# Multiprocessors, boost clock in GHz, and dense rates of the tensor cores in TFLOP/s and Top/s (bf16 with sums in fp32;
# INT8), as NVIDIA's papers on the architectures of GA102, AD102 and GB202 have them. Every one has 16 exponentials and
# 4 instructions of a warp for a cycle and multiprocessor.
CARDS = {
    "RTX 3090": (82, 1.695, 71, 284),
    "RTX 4090": (128, 2.52, 165.2, 660.6),
    "RTX 5090": (170, 2.407, 209.5, 838),
}
# Instructions of a thread for a cell, counted in the loop that ptxas makes of the INT8 kernel at head_dim 128 for 8.9.
INSTRUCTIONS_OF_A_CELL = 14


@table("wan")
def wan() -> list[str]:
    rows = []
    titles = {"1.3b": "1.3B, 832x480, 81 frames", "14b": "14B, 1280x720, 81", "5b": "TI2V 5B, 1280x704, 121"}
    for name, title in titles.items():
        report = read("wan")[name]
        twill, diffusers = report["twill"], report["diffusers"]
        step = {key: statistics.median(row["step_seconds"] for row in found) for key, found in twill.items()}
        seconds = {key: statistics.median(found[-1]["step_seconds"]) for key, found in diffusers.items()}
        # diffusers' forwards are timed after a first one.
        later = (report["steps"] * step["dense"] - step["one step"]) / (report["steps"] - 1)
        vae = twill["dense"][0]["vae_seconds"], min(diffusers["native"][0]["vae_seconds"])
        rows.append(
            (
                title,
                *(f"{step[key]:.2f}" for key in ("dense", "plan")),
                f"{twill['plan'][0]['density']:.2f}",
                f"{step['dense'] / step['plan']:.2f}x",
                f"{step['plan, float8']:.2f}",
                f"{later:.2f}",
                f"{seconds['native']:.2f} / {seconds['native, compiled']:.2f}",
                f"{vae[0]:.1f}",
                f"{vae[1]:.1f}",
            )
        )
    head = ("Wan", "dense, s a step", "plan", "density", "faster", "plan, `float8`", "dense after the first step")
    return lines((*head, "diffusers / compiled", "VAE, s", "diffusers' VAE"), rows)


@table("roofline")
def roofline() -> list[str]:
    cells, head_dim = 24 * 119056**2, 128
    rows = []
    for card, (multiprocessors, clock, bf16, int8) in CARDS.items():
        work = 4 * cells * head_dim / 1e12
        exponentials = cells / (multiprocessors * 16 * clock * 1e9)
        instructions = cells * INSTRUCTIONS_OF_A_CELL / (multiprocessors * 128 * clock * 1e9)
        for density in (1.0, 0.3):
            times = (work / bf16, work / int8, exponentials, instructions)
            rows.append((card, f"{density:.1f}", *(f"{density * each * 1e3:,.0f}" for each in times)))
    head = ("card", "density", "products in bf16, ms", "products in INT8, ms", "exponentials, ms", "instructions, ms")
    return lines(head, rows)


@table("results")
def results() -> list[str]:
    return lines(
        ("result", "measured on", "not known", "of which code it speaks", "is that the code here"),
        result_index.table_rows(),
    )


@functools.cache
def text_of(name: str) -> str:
    return "\n".join(TABLES[name]())


def cell(name: str, row: str, column: str) -> float:
    """The first number of a cell of a table, by what stands in its first column and its head."""
    table = [line.strip("| ").split(" | ") for line in text_of(name).splitlines()]
    (found,) = (each for each in table if each[0] == row)
    return float(re.search(r"[-+]?[\d.]+", found[table[0].index(column)]).group())


FUNCTIONS["cell"] = cell
