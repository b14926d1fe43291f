#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# x264 writes other bytes for the same clip from run to run, with one thread too, by its width, on a processor with AVX-512.
source "$(dirname "${BASH_SOURCE[0]}")/lib/findings.sh"
packages av==18.1.0 numpy==2.4.6
guess "the same frames, settings and library give the same file in every process, at least with one thread"
observe <<'PYTHON'
import os
import subprocess
import sys

from finding import verdict

ENCODE = """
import hashlib, io, sys
import av, numpy
height, width, options = int(sys.argv[1]), int(sys.argv[2]), {"crf": "16", **dict(x.split("=", 1) for x in sys.argv[3:])}
generator = numpy.random.default_rng(0)
y, x = numpy.mgrid[0 : height * 3 // 2, 0:width]
out = io.BytesIO()
with av.open(out, "w", format="h264") as file:
    stream = file.add_stream("libx264", rate=8, options=options)
    stream.width, stream.height, stream.pix_fmt, stream.thread_count = width, height, "yuv420p", 1
    for t in range(9):
        image = 128 + 30 * numpy.sin(x / 7 + t / 2) * numpy.cos(y / 9 - t / 3) + generator.normal(0, 15, x.shape)
        file.mux(stream.encode(av.VideoFrame.from_ndarray(image.clip(16, 235).astype(numpy.uint8), format="yuv420p")))
    file.mux(stream.encode(None))
print(hashlib.sha256(out.getvalue()).hexdigest()[:8])
"""


def results(*arguments):
    """Hashes of 12 processes that differ in what glibc fills fresh memory with; without that it is luck."""
    found = set()
    for fill in range(1, 241, 20):
        environment = {**os.environ, "MALLOC_PERTURB_": str(fill)}
        command = [sys.executable, "-c", ENCODE, *arguments]
        found.add(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)
    return len(found)


if "avx512bw" not in open("/proc/cpuinfo").read():
    sys.exit("this processor has no AVX-512: nothing to see here")
varying, narrow, steady = results("480", "832"), results("480", "832", "x264-params=asm=avx2"), results("256", "256")
print(f"832x480: {varying} different files of 12, with asm=avx2 {narrow}; 256x256: {steady}")
verdict(varying > 1 and narrow == steady == 1, "the same 832x480 clip has other bytes from process to process; 256x256, or without AVX-512 code, the same ones")
PYTHON
