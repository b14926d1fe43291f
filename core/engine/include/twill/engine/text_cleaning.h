// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A prompt as people write or paste it, made into the text that Wan's networks were trained on.
#pragma once

#include <string>
#include <string_view>

namespace twill::engine {

// What Python's html.unescape gives: "&lt;", "&#60;" and "&#x3c;" are "<". Bytes that are no UTF-8
// stay.
std::string unescape_html(std::string_view text);

// As the original Wan cleans a prompt: HTML's names and numbers of characters twice over, then the
// typographer's quotes become straight ones, then runs of white space one space, none at the ends.
// Of ftfy, which the original calls first, this does the quotes only: encodings read wrongly are
// not guessed at, and wide or composed characters are left to the tokenizer's own normalisation.
// Brackets stay as they are: read_prompt() has made of them what it does.
std::string clean_prompt(std::string_view prompt);

}  // namespace twill::engine
