#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# diffusers' GIF writer loses time and frames: delays are cut to hundredths of a second, equal frames are merged.
source "$(dirname "${BASH_SOURCE[0]}")/lib/findings.sh"
packages torch==2.13.0 diffusers==0.42.1 pillow==13.0.0 av==18.1.0 numpy==2.4.6
guess "export_to_gif(frames, fps) plays as long as the clip, but for rounding that evens out, and has as many frames"
observe <<'PYTHON'
import av
from diffusers.utils import export_to_gif
from finding import verdict
from PIL import Image, ImageSequence

moving = [Image.new("RGB", (32, 32), (10 * i, 0, 0)) for i in range(24)]
still = moving[:4] + [moving[4]] * 20
seconds = {}


def read(path):
    with Image.open(path) as image:
        return [frame.info["duration"] / 1000 for frame in ImageSequence.Iterator(image)]


for fps in (16, 24, 30, 60):
    export_to_gif(moving, "clip.gif", fps=fps)
    by_diffusers = sum(read("clip.gif"))
    with av.open("clip.gif", "w") as file:
        stream = file.add_stream("gif", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "rgb8"
        for frame in moving:
            file.mux(stream.encode(av.VideoFrame.from_image(frame)))
        file.mux(stream.encode())
    seconds[fps] = 24 / fps, by_diffusers, sum(read("clip.gif"))
    print(f"{fps} fps: a clip of %.3f s lasts %.3f s by export_to_gif and %.3f s by libav" % seconds[fps])
export_to_gif(still, "still.gif", fps=16)
frames = len(read("still.gif"))
print(f"24 frames of which the last 20 are equal: {frames} frames in the file")
seen = seconds[60][1] < 0.65 * seconds[60][0] and seconds[30][1] < 0.92 * seconds[30][0] and frames == 5
verdict(seen and all(abs(whole - libav) < 0.02 for whole, _, libav in seconds.values()),
        f"at 30 fps it plays {seconds[30][0] / seconds[30][1] - 1:.0%} too fast, at 60 fps {seconds[60][0] / seconds[60][1] - 1:.0%}, where libav "
        f"alternates delays and keeps the time; 24 frames became {frames}")
PYTHON
