// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What is ours: told from what stands in a file, never from its name alone.
#pragma once

#include <filesystem>
#include <optional>

#include "twill/plan/outputs.h"

namespace twill {

// "plan", "folder of frames".
const char* noun_of(OutputKind kind);

// What Twill would have written as `file`: the kind of a JSON file is told by its fields, of the
// others only `asked` is tried. Empty for files of others.
std::optional<OutputKind> kind_made_by_twill(const std::filesystem::path& file, OutputKind asked);

// An entry of a folder that is no frame of ours; empty when there is none.
std::filesystem::path foreign_entry(const std::filesystem::path& folder);

}  // namespace twill
