#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# Tagging a video as BT.709 in PyAV changes the tag only: the pixels stay BT.601, and whoever follows the tag shows other colours.
source "$(dirname "${BASH_SOURCE[0]}")/lib/findings.sh"
packages av==18.1.0 numpy==2.4.6
guess "codec_context.colorspace = 1 makes PyAV convert and tag as BT.709, and untagged 720p is converted by BT.709 anyway"
observe <<'PYTHON'
import av
import numpy
from finding import verdict

BT709 = 1
green = numpy.zeros((720, 1280, 3), numpy.uint8)
green[..., 1] = 255
shown = {}
for case in ("untagged", "tagged", "tagged, reformat(dst_colorspace)"):
    with av.open("green.mp4", "w") as file:
        stream = file.add_stream("libx264", rate=16, options={"crf": "4"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        if case != "untagged":
            stream.codec_context.colorspace = BT709
        frame = av.VideoFrame.from_ndarray(green, format="rgb24")
        if case.endswith(")"):
            frame = frame.reformat(format="yuv420p", dst_colorspace=BT709)
        file.mux(stream.encode(frame))
        file.mux(stream.encode())
    with av.open("green.mp4") as file:
        frame = next(file.decode(video=0))
        luma = int(frame.to_ndarray()[0, 0])
        shown[case] = luma, frame.colorspace, frame.to_ndarray(format="rgb24")[0, 0].tolist()
    print(f"{case}: luma {luma}, colour space {frame.colorspace}, decoded {shown[case][2]} of [0, 255, 0]")
print("pure green has luma 145 by BT.601 and 173 by BT.709")
seen = shown["untagged"][:2] == (145, 2) and shown["tagged"][:2] == (145, BT709) and shown["tagged"][2][1] < 225
verdict(seen and shown["tagged, reformat(dst_colorspace)"][0] == 173,
        f"tagged only, green 255 is decoded as {shown['tagged'][2][1]}; untagged 720p is BT.601 as well; "
        "only reformat(dst_colorspace=...) converts")
PYTHON
