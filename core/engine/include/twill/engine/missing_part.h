// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What describe_model() throws for a checkpoint without one of the files that it needs beside it.
#pragma once

#include <string>
#include <utility>

#include "twill/plan/error.h"

namespace twill::engine {

class MissingPart : public Error {
 public:
  MissingPart(const std::string& sentence, std::string what, std::string usual_name)
      : Error(ErrorCode::kFile, sentence),
        what_(std::move(what)),
        usual_name_(std::move(usual_name)) {}

  const std::string& part() const { return what_; }              // "the VAE of Wan 2.1"
  const std::string& usual_name() const { return usual_name_; }  // of ComfyUI's file of it

 private:
  std::string what_, usual_name_;
};

}  // namespace twill::engine
