// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <gtest/gtest.h>

#include <string>

#include "twill/plan/error.h"

// Expects Error whose text contains `part`, on one line.
#define EXPECT_ERROR(statement, part)                                                   \
  try {                                                                                 \
    statement;                                                                          \
    ADD_FAILURE() << "no error; expected one with: " << (part);                         \
  } catch (const ::twill::Error& error) {                                               \
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what(); \
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what(); \
  }
