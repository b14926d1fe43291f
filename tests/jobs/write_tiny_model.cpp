// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// write_tiny_model FOLDER [LAYERS]: the model of the tests, for tests of the command line.
#include <cstdio>
#include <cstdlib>

#include "jobs/tiny_model.h"

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: write_tiny_model FOLDER [LAYERS]\n", stderr);
    return 2;
  }
  twill::tests::TinyModel model;
  if (argc > 2) {
    model.layers = std::atoi(argv[2]);
  }
  twill::tests::write_tiny_model(argv[1], model);
  return 0;
}
