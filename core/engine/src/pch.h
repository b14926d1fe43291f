// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Precompiled: ATen alone costs more compile time than all of our code.
#pragma once

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
