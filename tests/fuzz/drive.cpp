// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// drive [SECONDS] [SEED]: spoils the seeds of a fuzz target in the same way on every run until the
// time is over.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "fuzz.h"

namespace {

using Random = std::mt19937_64;

std::size_t below(Random& random, std::size_t limit) {
  return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
}

void spoil(std::string& text, const std::vector<std::string>& words, Random& random) {
  const std::size_t at = text.empty() ? 0 : below(random, text.size());
  const std::size_t length = std::min(text.size() - at, below(random, 24) + 1);
  switch (below(random, 7)) {
    case 0:
      text.resize(at);
      break;
    case 1:
      text.erase(at, length);
      break;
    case 2:
      text.insert(at, text.substr(below(random, text.size() + 1), length));
      break;
    case 3:
      if (!text.empty()) {
        text[at] = static_cast<char>(below(random, 256));
      }
      break;
    case 4:
      if (!text.empty()) {
        text[at] = static_cast<char>(text[at] ^ (1 << below(random, 8)));
      }
      break;
    case 5:
      text.insert(at, words[below(random, words.size())]);
      break;
    default: {
      // A number becomes another one.
      const std::size_t digit = text.find_first_of("0123456789", at);
      if (digit != std::string::npos) {
        const std::size_t end = text.find_first_not_of("0123456789.", digit);
        static const char* const kNumbers[] = {"0",      "-1",  "1e308", "4294967296", "0.5",
                                               "999999", "1.5", "64",    "1e-300",     "7"};
        text.replace(digit, std::min(end, text.size()) - digit,
                     kNumbers[below(random, std::size(kNumbers))]);
      }
    }
  }
}

}  // namespace

int main(int count, char** values) {
  const double seconds = count > 1 ? std::atof(values[1]) : 5.0;
  Random random(count > 2 ? std::strtoull(values[2], nullptr, 10) : 1);
  const std::vector<std::string> seeds = twill::fuzz::seeds();
  const std::vector<std::string> words = twill::fuzz::words();
  for (const std::string& seed : seeds) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(seed.data()), seed.size());
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  long runs = 0;
  for (; std::chrono::steady_clock::now() < end; ++runs) {
    std::string text = seeds[below(random, seeds.size())];
    for (std::size_t i = below(random, 4) + 1; i > 0; --i) {
      spoil(text, words, random);
    }
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  }
  std::printf("%ld inputs\n", runs);
  return runs > 0 ? 0 : 1;
}
