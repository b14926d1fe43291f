// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Names of what is not finished, and the step that puts a folder in another's place where names
// cannot be exchanged.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace twill {

// Being written; of no use without its writer.
inline constexpr std::string_view kPartEnding = ".twill-part";
// A whole folder that is about to take the place of `.<its name>.<digits>.twill-whole`.
inline constexpr std::string_view kWholeEnding = ".twill-whole";

std::string unfinished_name(std::string_view name, std::string_view ending);
// The name that unfinished_name() was given, shortened if it was long; empty for other names.
std::string name_of_unfinished(std::string_view unfinished, std::string_view ending);

// `part`, a whole folder beside `place`, takes the place of the folder that stands there, which is
// then `part`. Returns false with errno set.
bool exchange_in_one_step(const std::filesystem::path& part, const std::filesystem::path& place);
bool exchange_in_two_steps(const std::filesystem::path& part, const std::filesystem::path& place);

}  // namespace twill
