# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The CUDA kernels without the binary module: their sources travel as text and are compiled where they run, by NVRTC.

    sources.py    the texts
    entries.py    which kernels there are, what they take, and why one does not take a call
    structs.py    their arguments, byte for byte
    int8_layout.py  memory of heads in INT8
    compiling.py  text -> machine code of the card that is there
    cache.py      machine code on disk
    driver.py     what is asked of the CUDA driver
    launching.py  a layer of a plan on torch tensors

NVRTC comes with torch, on Windows too; it is called through cuda-core (`pip install twill-vdit[cuda]`).
"""
