# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The forms of attention, best first, and the one place that chooses among them and says why."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

import torch

from twill_vdit import choosing, cuda, eager, flex, form_timing, native
from twill_vdit.choosing import Form, Verdict
from twill_vdit.errors import Error
from twill_vdit.kept_timings import Subject
from twill_vdit.nvidia_driver import driver_version
from twill_vdit.runtime_kernels import compiling, launching
from twill_vdit.runtime_kernels.entries import ENTRIES, why_not_entry
from twill_vdit.tensors import DTYPES, argument

if TYPE_CHECKING:
    from twill_vdit.compiled_plan import CompiledPlan

AUTO = "auto"
FASTER = "another form is faster here"
FAILED = "it failed here when it was timed"


@dataclass(frozen=True)
class Call:
    """What the choice depends on."""

    device: torch.device
    dtype: torch.dtype
    head_dim: int
    scale: float = 1.0
    has_tables: bool = True  # the binary module compiled the plan


@dataclass(frozen=True)
class Place:
    """Where in the plan a call stands. follows: it asked for the plan's own time, which may change under a graph."""

    segment: int
    expert: int
    stack: int
    layer: int
    follows: bool = False


@dataclass(frozen=True)
class Wish:
    """Of forms with several kernels: which one, empty for its best, and whether heads may be in INT8."""

    kernel: str = ""
    int8: bool = True


AS_IT_COMES = Wish()


@dataclass(frozen=True)
class Backend:
    """One form of attention.

    tables_on: a plan's tables on a device, of forms whose captured graphs compute what set_time says at replay.
    why_not_int8: of the heads that a plan wants in INT8; the default is of a form that never computes so.
    """

    name: str
    what: str
    why_not: Callable[[Call], str]
    run: Callable[..., torch.Tensor]
    tables_on: "Callable[[CompiledPlan, torch.device, bool], cuda.DevicePlan | launching.DeviceWords] | None" = None
    why_not_int8: Callable[[Call], str] | None = None

    @property
    def follows_graphs(self) -> bool:
        return self.tables_on is not None


def _no_tables(call: Call) -> str:
    if native.binary is None:
        return f"the binary module is missing: {native.why_not}"
    return "" if call.has_tables else "the plan was compiled without the binary module"


def _why_not_native_cpu(call: Call) -> str:
    if call.device.type != "cpu":
        return f"the tensors stand on {call.device.type}"
    if call.dtype not in DTYPES:
        return f"it has no kernel for {call.dtype}"
    if call.head_dim % 16 != 0 or call.head_dim > 256:
        return f"head_dim {call.head_dim} is not a multiple of 16 up to 256"
    return _no_tables(call)


def _why_not_native_cuda(call: Call) -> str:
    if call.device.type != "cuda":
        return f"the tensors stand on {call.device.type}"
    if call.dtype not in DTYPES:
        return f"it has no kernel for {call.dtype}"
    return _no_tables(call) or cuda.why_not(call.device, call.dtype, call.head_dim, call.scale)


def _why_not_int8_cuda(call: Call) -> str:
    return cuda.why_not(call.device, call.dtype, call.head_dim, call.scale, "int8")


def _why_not_runtime_cuda(call: Call) -> str:
    if call.device.type != "cuda":
        return f"the tensors stand on {call.device.type}"
    if call.dtype not in DTYPES:
        return f"it has no kernel for {call.dtype}"
    return launching.why_not(call.device, call.dtype, call.head_dim, call.scale)


def _run_native_cpu(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    plan: "CompiledPlan",
    place: Place,
    scale: float,
    wish: Wish = AS_IT_COMES,
) -> torch.Tensor:
    out = torch.empty_like(q)
    if out.stride(3) != 1:
        return out.copy_(_run_native_cpu(q.contiguous(), k.contiguous(), v.contiguous(), plan, place, scale))
    q, k, v = (x if x.stride(3) == 1 else x.contiguous() for x in (q, k, v))
    site = (place.segment, place.expert, place.stack, place.layer)
    tensors = (argument(q), argument(k), argument(v), argument(out))
    native.binary.run_attention(plan.tables(), *site, *tensors, scale, torch.get_num_threads())
    return out


def _run_on_words(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    plan: "CompiledPlan",
    place: Place,
    scale: float,
    on_device: "cuda.DevicePlan | launching.DeviceWords",
    kernel: str,
) -> torch.Tensor:
    """By tables in device memory."""
    out = torch.empty_like(q)
    if not cuda.has_whole_rows(out):
        q, k, v = (x.contiguous() for x in (q, k, v))
        return out.copy_(_run_on_words(q, k, v, plan, place, scale, on_device, kernel))
    q, k, v = map(cuda.in_whole_rows, (q, k, v))
    variant = -1 if place.follows else on_device.tables.variant(place.segment, place.expert)
    with torch.cuda.device(q.device):
        layer = on_device.tables.layer(place.stack, place.layer)
        return on_device.run(q, k, v, out, scale, layer, variant=variant, kernel=kernel)


def _run_native_cuda(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    plan: "CompiledPlan",
    place: Place,
    scale: float,
    wish: Wish = AS_IT_COMES,
) -> torch.Tensor:
    on_device = cuda.device_plan_of(plan, q.device, wish.int8)
    return _run_on_words(q, k, v, plan, place, scale, on_device, wish.kernel)


def _run_runtime_cuda(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    plan: "CompiledPlan",
    place: Place,
    scale: float,
    wish: Wish = AS_IT_COMES,
) -> torch.Tensor:
    try:
        on_device = launching.device_words_of(plan, q.device, wish.int8)
        return _run_on_words(q, k, v, plan, place, scale, on_device, wish.kernel)
    except compiling.CompileError as error:  # whether NVRTC compiles on this machine shows only here
        launching.note_failure(error)
        return _run_another(q, k, v, plan, place, scale)


def _run_another(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, plan: "CompiledPlan", place: Place, scale: float
) -> torch.Tensor:
    """By what runs now that a form has said it does not."""
    forget_choices()
    call = Call(q.device, q.dtype, q.shape[3], 1.0 if scale >= 0 else -1.0, plan.native is not None)
    return choose(call).run(q, k, v, plan, place, scale)


def _tasks(plan: "CompiledPlan", place: Place) -> list[tuple[str, int]]:
    return plan.tasks(place.segment, place.expert, place.stack, place.layer)


def _run_eager(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    plan: "CompiledPlan",
    place: Place,
    scale: float,
    wish: Wish = AS_IT_COMES,
) -> torch.Tensor:
    return eager.attention(q, k, v, _tasks(plan, place), plan.tile_list, scale)


def _run_flex(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    plan: "CompiledPlan",
    place: Place,
    scale: float,
    wish: Wish = AS_IT_COMES,
) -> torch.Tensor:
    try:
        return eager.attention(q, k, v, _tasks(plan, place), plan.tile_list, scale, flex.sparse_heads)
    except torch.cuda.OutOfMemoryError:
        raise
    except RuntimeError as error:  # whether Triton can compile on this machine shows only here
        flex.note_failure(error)
        return _run_another(q, k, v, plan, place, scale)


BACKENDS = (
    Backend(
        "native_cuda",
        "CUDA kernels of the binary module",
        _why_not_native_cuda,
        _run_native_cuda,
        cuda.device_plan_of,
        _why_not_int8_cuda,
    ),
    Backend(
        "runtime_cuda",
        "CUDA kernels that are compiled here",
        _why_not_runtime_cuda,
        _run_runtime_cuda,
        launching.device_words_of,
        lambda call: launching.why_not(call.device, call.dtype, call.head_dim, call.scale, "int8"),
    ),
    Backend("native_cpu", "CPU kernels of the binary module", _why_not_native_cpu, _run_native_cpu),
    Backend(
        "flex",
        "FlexAttention of torch, compiled with Triton",
        lambda call: flex.why_not(call.device, call.dtype, call.head_dim),
        _run_flex,
    ),
    Backend("eager", "plain torch", lambda call: "", _run_eager),
)
BACKEND_NAMES = tuple(backend.name for backend in BACKENDS)


@dataclass(frozen=True)
class Choice:
    """What runs calls of one kind.

    kernel, int8_kernel: name and version, of heads in bf16 and in INT8; empty where the form has none by name.
    because, int8_because: why these and no others, in words.
    passed_over: (name, why not) of the better forms.
    """

    backend: Backend
    passed_over: tuple[tuple[str, str], ...]
    wish: Wish = AS_IT_COMES
    kernel: str = ""
    because: str = ""
    int8_kernel: str = ""
    int8_because: str = ""

    @property
    def name(self) -> str:
        """The form, with name and version of its kernels ("native_cuda portable 2 + int8 2").

        Measured times are kept by it.
        """
        return " + ".join(filter(None, (f"{self.backend.name} {self.kernel}".rstrip(), self.int8_kernel)))

    def run(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, plan: "CompiledPlan", place: Place, scale: float
    ) -> torch.Tensor:
        return self.backend.run(q, k, v, plan, place, scale, self.wish)

    def make_tables(self, plan: "CompiledPlan", device: torch.device) -> None:
        """A plan's tables on a device, where the form has such."""
        if self.backend.tables_on is not None:
            self.backend.tables_on(plan, device, self.wish.int8)


_choices: dict[tuple[Call, str, bool], Choice] = {}


def forget_choices() -> None:
    """What runs here has changed."""
    _choices.clear()


def choose(call: Call, wanted: str = AUTO, *, in_graph: bool = False, may_time: bool = True) -> Choice:
    """What runs such a call: of the forms that do, the one that choosing.py finds; or the wanted one, as it comes.

    Args:
        call: of the kind that is asked about.
        wanted: "auto" or a form.
        in_graph: prefers forms whose captured graphs follow a plan's time.
        may_time: forms may be timed for it, which is never done while a CUDA graph is captured.

    Raises:
        Error: the wanted form does not run, with the reason; or there is none of that name.
    """
    key = call, wanted, in_graph
    choice = _choices.get(key)
    if choice is not None:
        return choice
    try:
        choice, is_final = _choose(call, wanted, in_graph, may_time)
    except compiling.CompileError as error:
        launching.note_failure(error)
        forget_choices()
        return choose(call, wanted, in_graph=in_graph, may_time=may_time)
    if is_final:
        _choices[key] = choice
    return choice


def _choose(call: Call, wanted: str, in_graph: bool, may_time: bool) -> tuple[Choice, bool]:
    """(what runs, nothing that is timed later can change it)."""
    if wanted not in (AUTO, *BACKEND_NAMES):
        raise Error(f"backend {wanted!r} is not one of {', '.join((AUTO, *BACKEND_NAMES))}")
    reasons = {backend.name: backend.why_not(call) for backend in BACKENDS if wanted in (AUTO, backend.name)}
    if reasons.get(wanted):
        raise Error(f"backend {wanted!r} does not run here: {reasons[wanted]}", "unsupported")
    forms = _forms([backend for backend in BACKENDS if reasons.get(backend.name) == ""], call)
    verdict = Verdict(forms[0], "it was asked for", _int8_beside(forms))
    if wanted == AUTO and call.device.type == "cuda":
        verdict = _verdict(forms, call, in_graph, may_time)
    elif wanted == AUTO:
        verdict = Verdict(forms[0], "by order")
    form, int8 = verdict.form, verdict.int8
    better = BACKEND_NAMES[: BACKEND_NAMES.index(form.backend)] if wanted == AUTO else ()
    choice = Choice(
        BACKENDS[BACKEND_NAMES.index(form.backend)],
        tuple((name, reasons[name] or (FAILED if name in verdict.failed else FASTER)) for name in better),
        Wish(form.asked, int8 is not None),
        form.kernel,
        verdict.because,
        int8.kernel if int8 else "",
        verdict.int8_because,
    )
    return choice, verdict.is_final


def _verdict(forms: Sequence[Form], call: Call, in_graph: bool, may_time: bool) -> Verdict:
    # All 16-bit dtypes have one verdict: set_time does not know which of them a call will have.
    dtype = torch.bfloat16 if call.dtype.itemsize == 2 else call.dtype
    subject = Subject(
        launching.driver.card(call.device),
        launching.driver.capability(call.device),
        _driver_version(),
        torch.__version__,
        str(dtype).removeprefix("torch."),
        call.head_dim,
        tuple(form.name for form in forms),
    )
    timer = None
    if may_time and not torch.cuda.is_current_stream_capturing():
        timer = functools.partial(form_timing.time_forms, device=call.device, dtype=dtype, head_dim=call.head_dim)
    only_graphs = in_graph and any(form.follows_graphs for form in forms)
    return choosing.decide(forms, subject, timer, lambda form: form.follows_graphs or not only_graphs)


_driver_version = functools.cache(driver_version)


def _forms(running: Sequence[Backend], call: Call) -> list[Form]:
    """What backends that run a call can do; a kernel that several of them have is the first one's."""
    forms: dict[str, Form] = {}
    for backend in running:
        for form in _forms_of(backend, call):
            forms.setdefault(form.kernel or form.backend, form)
    if any(form.kernel for form in forms.values()):
        forms.pop("eager", None)  # thousands of small launches: never faster than a kernel
    return list(forms.values())


def _forms_of(backend: Backend, call: Call) -> list[Form]:
    kernel_of = {"native_cuda": cuda.kernel_of, "runtime_cuda": launching.kernel_of}.get(backend.name)
    if kernel_of is None:
        return [Form(backend.name)]
    best = kernel_of(call.device, call.dtype, call.head_dim, call.scale)
    capability = launching.driver.capability(call.device)
    entries = [
        entry
        for entry in ENTRIES
        if not why_not_entry(entry, capability, call.head_dim, DTYPES[call.dtype], call.scale)
    ]
    lesser = [entry for entry in entries if entry.precision == "bf16" and entry.name != best.partition(" ")[0]]
    forms = [Form(backend.name, best, follows_graphs=True)]
    forms += [Form(backend.name, f"{each.name} {each.version}", each.name, follows_graphs=True) for each in lesser]
    int8 = next((entry for entry in entries if entry.precision == "int8"), None)
    if int8 is not None and backend.why_not_int8 is not None and not backend.why_not_int8(call):
        forms.append(Form(backend.name, f"{int8.name} {int8.version}", is_int8=True, follows_graphs=True))
    return forms


def _int8_beside(forms: Sequence[Form]) -> Form | None:
    return next((form for form in forms if form.is_int8 and form.backend == forms[0].backend), None)


def has_kernel(device: torch.device, dtype: torch.dtype, head_dim: int, scale: float | None = None) -> bool:
    """Whether there is a kernel for such calls; without one a plan may be slower than dense attention.

    Args:
        device: of the tensors.
        dtype: of the tensors.
        head_dim: of the heads.
        scale: of q k^T, 1/sqrt(head_dim) if not given.
    """
    call = _asked(device, dtype, head_dim, scale)
    return any(not backend.why_not(call) for backend in BACKENDS if backend.name in _KERNELS)


_KERNELS = ("native_cuda", "runtime_cuda", "native_cpu")


def _asked(device: torch.device, dtype: torch.dtype, head_dim: int, scale: float | None) -> Call:
    scale = head_dim**-0.5 if scale is None else scale
    return Call(device, dtype, head_dim, scale, has_tables=native.binary is not None)


def has_int8_kernel(device: torch.device, dtype: torch.dtype, head_dim: int, scale: float | None = None) -> bool:
    """Whether heads that a plan has in INT8 are computed so in such calls: by a kernel that is faster than bf16 there.

    Elsewhere they are computed as bf16.

    Args:
        device: of the tensors.
        dtype: of the tensors.
        head_dim: of the heads.
        scale: of q k^T, 1/sqrt(head_dim) if not given.
    """
    call = _asked(device, dtype, head_dim, scale)
    return not why_not_int8(choose(call), call)


def why_not_int8(choice: Choice, call: Call) -> str:
    """Why heads that a plan wants in INT8 are computed as bf16 in such calls; empty where they are in INT8."""
    if choice.int8_kernel:
        return ""
    if choice.int8_because:
        return f"bf16 is faster here ({choice.int8_because})"
    why_not = choice.backend.why_not_int8
    return f"there is no INT8 in {choice.backend.what}" if why_not is None else why_not(call)


def describe(choice: Choice, has_int8_heads: bool) -> str:
    """The form that runs a layer and why that, in words; has_int8_heads: heads that the plan wants so."""
    name = choice.name if has_int8_heads else choice.name.partition(" + ")[0]
    because = [choice.because]
    if has_int8_heads and choice.int8_kernel and choice.int8_because:
        because.append(f"{choice.int8_kernel}, {choice.int8_because}")
    return f"{name} ({'; '.join(because)})"


def say_why_not_int8(choice: Choice, call: Call, int8_heads: int) -> None:
    """Nobody who asked for INT8 gets something else without being told. int8_heads: that the plan wants so."""
    reason = why_not_int8(choice, call) if int8_heads else ""
    if reason:
        native.say_once(f"twill_vdit computes the {int8_heads} int8 heads of the plan as bf16: {reason}")


def say_why_not_native(choice: Choice, call: Call) -> None:
    """Nobody who has the binary module gets the slower forms without being told, nor who lacks it."""
    if choice.backend.name in _KERNELS or any((name, FASTER) in choice.passed_over for name in _KERNELS):
        return
    if native.binary is None:
        lacking = dict(choice.passed_over).get("runtime_cuda", "") if call.device.type == "cuda" else ""
        native.say_that_it_is_missing(choice.backend.what, lacking)
        return
    meant = ("native_cuda", "runtime_cuda") if call.device.type == "cuda" else ("native_cpu",)
    passed_over = dict(choice.passed_over)
    reason = "; ".join(dict.fromkeys(passed_over[name] for name in meant if name in passed_over))
    if reason:
        native.say_once(f"twill_vdit runs its plans on {call.device.type} through {choice.backend.what}: {reason}")


class BackendRow(TypedDict):
    """One kind of call.

    runs, kernel: the form, and Choice.name of it; because: why it was chosen.
    int8: Choice.int8_kernel; int8_because: why heads that a plan wants in INT8 are in INT8, or in bf16.
    passed_over: why the better forms do not run, by name.
    """

    device: str
    dtype: str
    head_dim: int
    runs: str
    kernel: str
    because: str
    int8: str
    int8_because: str
    passed_over: dict[str, str]


def backend_report(
    head_dims: Sequence[int] = (64, 96, 128, 256),
    dtypes: Sequence[torch.dtype] = tuple(DTYPES),
) -> list[BackendRow]:
    """For each device of this machine, dtype and head_dim: which form runs, and why; nothing is timed for it."""
    devices = [torch.device("cpu")]
    if torch.cuda.is_available():
        devices += [torch.device("cuda", i) for i in range(torch.cuda.device_count())]
    calls = [
        Call(device, dtype, head_dim, has_tables=native.binary is not None)
        for device in devices
        for dtype in dtypes
        for head_dim in head_dims
    ]
    report: list[BackendRow] = []
    for call in calls:
        choice = choose(call, may_time=False)
        # Kernels of another kind of device say nothing about this one.
        others = ("native_cpu",) if call.device.type == "cuda" else ("native_cuda", "runtime_cuda")
        report.append(
            {
                "device": str(call.device),
                "dtype": str(call.dtype).removeprefix("torch."),
                "head_dim": call.head_dim,
                "runs": choice.backend.name,
                "kernel": choice.name,
                "because": choice.because,
                "int8": choice.int8_kernel,
                "int8_because": why_not_int8(choice, call) or choice.int8_because,
                "passed_over": {name: reason for name, reason in choice.passed_over if name not in others},
            }
        )
    return report
