# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What is asked of the CUDA driver, through cuda-core; all on the current device, whose context torch has made."""

import ctypes
from typing import Any, Protocol

import torch

from twill_vdit.errors import Error
from twill_vdit.runtime_kernels.compiling import Compiled

Grid = tuple[int, int, int]


class Driver(Protocol):
    """Loads and launches kernels; a test may put another in its place."""

    def capability(self, device: torch.device) -> int:
        """Of the device, major * 10 + minor."""

    def card(self, device: torch.device) -> str:
        """What the device is called."""

    def version(self) -> str:
        """Of the driver, by the CUDA that it runs."""

    def stream(self, device: torch.device) -> int:
        """The address of torch's current stream there."""

    def load(self, made: Compiled) -> Any:
        """A handle of the kernel, on every device."""

    def resident_blocks(self, handle: Any, device: torch.device, threads: int, shared_bytes: int) -> int:
        """Blocks that fill the device, and leave to use so much shared memory."""

    def launch(
        self, handle: Any, grid: Grid, threads: int, shared_bytes: int, stream: int, arguments: ctypes.Structure
    ) -> None:
        """Asynchronous; the arguments are copied before it returns."""


class CudaDriver:
    """The real one."""

    def capability(self, device: torch.device) -> int:
        """Of the device, major * 10 + minor."""
        major, minor = torch.cuda.get_device_capability(device)
        return major * 10 + minor

    def card(self, device: torch.device) -> str:
        """What the device is called."""
        return torch.cuda.get_device_name(device)

    def version(self) -> str:
        """Of the driver, by the CUDA that it runs."""
        from cuda.bindings import driver

        return str(_checked(driver.cuDriverGetVersion(), "asking for the driver's version"))

    def stream(self, device: torch.device) -> int:
        """The address of torch's current stream there."""
        return torch.cuda.current_stream(device).cuda_stream

    def load(self, made: Compiled) -> Any:
        """A handle of the kernel, on every device."""
        from cuda.bindings import driver
        from cuda.core import ObjectCode

        of_kind = ObjectCode.from_ptx if made.is_ptx else ObjectCode.from_cubin
        kernel = of_kind(made.code).get_kernel(made.symbol)
        # A kernel is a function of whichever context is current when it is used; cuda-core's object keeps it loaded.
        return kernel, driver.CUfunction(int(kernel.handle))

    def resident_blocks(self, handle: Any, device: torch.device, threads: int, shared_bytes: int) -> int:
        """Blocks that fill the device, and leave to use so much shared memory."""
        from cuda.bindings import driver

        _, function = handle
        attribute = driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
        there = _checked(driver.cuDeviceGet(device.index), "asking for the device")
        _checked(driver.cuKernelSetAttribute(attribute, shared_bytes, int(function), there), "asking for shared memory")
        on_each = _checked(
            driver.cuOccupancyMaxActiveBlocksPerMultiprocessor(function, threads, shared_bytes), "asking for blocks"
        )
        return int(on_each) * torch.cuda.get_device_properties(device).multi_processor_count

    def launch(
        self, handle: Any, grid: Grid, threads: int, shared_bytes: int, stream: int, arguments: ctypes.Structure
    ) -> None:
        """Asynchronous; the arguments are copied before it returns."""
        from cuda.bindings import driver

        _, function = handle
        each = (ctypes.c_void_p * 1)(ctypes.addressof(arguments))
        result = driver.cuLaunchKernel(function, *grid, threads, 1, 1, shared_bytes, stream, ctypes.addressof(each), 0)
        _checked(result, "launching attention")


def _checked(result: tuple[Any, ...], what: str) -> Any:
    """The value of a call that returns (error, value...)."""
    error, *values = result
    if int(error) != 0:
        from cuda.bindings import driver

        found, text = driver.cuGetErrorString(error)
        said = text.decode() if int(found) == 0 and text else str(error)
        raise Error(f"{what}: {said}", "unsupported")
    return values[0] if values else None
