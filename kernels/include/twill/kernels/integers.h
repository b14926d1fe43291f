// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The integers of <cstdint>. NVRTC, which compiles the kernels where they run, has no header of its
// own: whatever a kernel includes gets its integers here and includes nothing of the system.
#pragma once

#ifdef __CUDACC_RTC__
namespace std {
using int8_t = signed char;
using int16_t = short;
using int32_t = int;
using int64_t = long long;
using uint8_t = unsigned char;
using uint16_t = unsigned short;
using uint32_t = unsigned int;
using uint64_t = unsigned long long;
}  // namespace std
#else
#include <cstdint>
#endif
