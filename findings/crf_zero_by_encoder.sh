#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# crf 0 means lossless, nearly lossless or the default of 35, by encoder and bit depth.
source "$(dirname "${BASH_SOURCE[0]}")/lib/findings.sh"
packages av==18.1.0 numpy==2.4.6
guess "crf 0 is the best quality of every encoder, lossless where crf 0 of x264 is, and an option that an encoder lacks is an error"
observe <<'PYTHON'
import os

import av
import numpy
from finding import verdict

os.environ["SVT_LOG"] = "1"
generator = numpy.random.default_rng(0)
clip = [generator.integers(0, 256, (128, 128, 3), dtype=numpy.uint8) for _ in range(4)]


def encode(codec, depth, **options):
    """Bytes of the file and the mean error against what the encoder was given, in steps of its depth."""
    with av.open("clip.mkv", "w") as file:
        stream = file.add_stream(codec, rate=16, options=options)
        stream.width, stream.height, stream.pix_fmt = 128, 128, depth
        given = [av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=depth) for image in clip]
        for frame in (*given, None):
            file.mux(stream.encode(frame))
    with av.open("clip.mkv") as file:
        pairs = zip(file.decode(video=0), given, strict=True)
        error = numpy.mean([abs(a.to_ndarray().astype(int) - b.to_ndarray().astype(int)).mean() for a, b in pairs])
    return os.path.getsize("clip.mkv"), float(error)


quiet = {"libx265": {"x265-params": "log-level=none"}}
error = {}
for codec, depth in (("libx264", "yuv420p"), ("libx264", "yuv420p10le"), ("libvpx-vp9", "yuv420p"), ("libx265", "yuv420p"), ("libsvtav1", "yuv420p")):
    for crf in ("0", "1", "35"):
        size, error[codec, depth, crf] = encode(codec, depth, crf=crf, **quiet.get(codec, {}))
        print(f"{codec:10} {depth:11} crf {crf:>2}: {size:6} bytes, mean error {error[codec, depth, crf]:.3f}")
ignored = encode("libx265", "yuv420p", lossless="1", **quiet["libx265"])[1]
print(f"libx265 with lossless=1, an option of other encoders: mean error {ignored:.3f}, no message")
lossless = [error[name, "yuv420p", "0"] for name in ("libx264", "libvpx-vp9")]
seen = lossless == [0, 0] and error["libx264", "yuv420p10le", "0"] > 1 and error["libx265", "yuv420p", "0"] > 0 and ignored > 1
seen &= error["libsvtav1", "yuv420p", "0"] == error["libsvtav1", "yuv420p", "35"] > 10 * error["libsvtav1", "yuv420p", "1"]
verdict(seen, "crf 0: lossless in 8-bit x264 and VP9, lossy in 10-bit x264 and x265; in SVT-AV1 it gives the size and error of 35, far worse than 1")
PYTHON
