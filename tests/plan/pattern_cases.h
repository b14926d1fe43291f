// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <ostream>
#include <vector>

#include "twill/plan/pattern.h"

namespace twill::test {

struct LayoutCase {
  const char* why;
  TokenLayout layout;
};

// The name in ctest's list.
inline void PrintTo(const LayoutCase& row, std::ostream* out) { *out << row.why; }

inline const std::vector<LayoutCase> kOddLayouts = {
    {"frames_are_no_multiple_of_a_tile", {0, 5, 7, 11, 0}},
    {"prefix_ends_inside_a_key_tile", {37, 3, 9, 13, 0}},
    {"suffix_ends_inside_a_key_tile", {0, 4, 6, 17, 29}},
    {"prefix_and_suffix_share_tiles_with_the_grid", {70, 2, 10, 14, 130}},
    {"prefix_of_whole_tiles", {128, 3, 8, 16, 64}},
    {"one_frame", {0, 1, 19, 23, 5}},
    {"one_row", {3, 9, 1, 61, 0}},
    {"one_column", {0, 9, 67, 1, 2}},
    {"one_token", {0, 1, 1, 1, 0}},
    {"less_than_one_key_tile", {2, 2, 3, 5, 1}},
    {"exactly_one_query_tile", {0, 2, 8, 8, 0}},
    {"columns_wider_than_a_key_tile", {0, 2, 3, 150, 0}},
    {"frames_wider_than_a_query_tile", {0, 3, 20, 20, 0}},
    {"more_frames_than_columns", {0, 67, 3, 3, 0}},
    {"text_longer_than_the_grid", {300, 1, 2, 3, 200}},
};

struct PatternCase {
  const char* why;
  Pattern pattern;
};

inline const std::vector<PatternCase> kPatternCases = {
    {"diagonal_of_the_token_alone", make_pattern(Diagonal{0.0})},
    {"diagonal_less_than_a_row", make_pattern(Diagonal{0.02})},
    {"diagonal_over_a_frame", make_pattern(Diagonal{1.3})},
    {"diagonal_longer_than_the_clip", make_pattern(Diagonal{1e9})},
    {"bands_one_token_wide", make_pattern(MultiDiagonal{100, 0.0, 0.0})},
    {"bands_within_two_frames", make_pattern(MultiDiagonal{2, 0.0, 0.1})},
    {"bands_wider_than_a_row", make_pattern(MultiDiagonal{1, 0.2, 0.3})},
    {"bands_that_overlap", make_pattern(MultiDiagonal{1, 1.0, 1.0})},
    {"bands_of_its_own_frame", make_pattern(MultiDiagonal{0, 0.1, 0.0})},
    {"stripe_of_the_first_frame", make_pattern(VerticalStripe{{{0, 1}}})},
    {"stripe_of_a_box_in_the_middle",
     make_pattern(VerticalStripe{{{1, 3, 0.3, 0.6, 0.4, 0.5}, {0, 9, 0.0, 0.1, 0.9, 1.0}}})},
    {"stripe_of_the_last_frames", make_pattern(VerticalStripe{{{-2, 1000}}})},
    {"stripe_from_the_first_frame_to_the_last_but_one", make_pattern(VerticalStripe{{{1, -1}}})},
    {"stripe_that_ends_before_it_begins", make_pattern(VerticalStripe{{{-1, 1}}})},
    {"stripe_beyond_the_clip", make_pattern(VerticalStripe{{{1000, 2000}}})},
    {"window_of_one_token", make_pattern(Window{0, 0.0, 0.0})},
    {"window_small", make_pattern(Window{1, 0.1, 0.1})},
    {"window_of_all_columns", make_pattern(Window{0, 0.15, 1.0})},
    {"window_of_all_rows", make_pattern(Window{1, 1.0, 0.05})},
    {"window_of_all_frames", make_pattern(Window{1 << 30, 0.05, 0.1})},
    {"window_beside_the_query", make_pattern(Window{0, 0.1, 0.1, 1, -0.3, 0.2})},
    {"window_far_behind", make_pattern(Window{1, 0.3, 0.3, -2147483647, 0.0, 0.0})},
    {"window_beside_the_grid_in_rows", make_pattern(Window{0, 0.0, 1.0, 0, -1.0, 0.0})},
    {"union_a_few_frames_back_and_forth",
     make_union({Window{0, 0.25, 0.25, -3, 0.0, 0.0}, Window{0, 0.25, 0.25, 3, 0.0, 0.0}})},
    {"union_wide_and_far_on_all_axes",
     make_union({Window{1, 0.3, 0.0, -4, 0.6, -0.7}, Window{0, 0.0, 0.4, 5, -0.5, 0.6}})},
    {"union_of_window_and_stripe_beyond_a_short_clip",
     make_union({Window{0, 0.2, 1.0, -6, 0.0, 0.0}, VerticalStripe{{{4, 6, 0.2, 0.5, 0.0, 1.0}}}})},
    {"union_of_band_and_stripe",
     make_union({Diagonal{0.1}, VerticalStripe{{{0, 1, 0.0, 0.5, 0.0, 1.0}}}})},
    {"union_of_four",
     make_union({Diagonal{0.05}, MultiDiagonal{9, 0.0, 0.05}, Window{1, 0.0, 1.0, -1, 0.0, 0.0},
                 VerticalStripe{{{2, 3, 0.9, 1.0, 0.0, 0.1}}}})},
};

inline const std::vector<TokenOrder> kOrders = {
    {OrderKind::kRaster},           {OrderKind::kTimeFastest},      {OrderKind::kTiles, 4, 4, 4},
    {OrderKind::kTiles, 2, 8, 8},   {OrderKind::kTiles, 4, 4, 8},   {OrderKind::kTiles, 1, 8, 8},
    {OrderKind::kTiles, 3, 5, 7},   {OrderKind::kTiles, 1, 1, 100}, {OrderKind::kTiles, 7, 1, 1},
    {OrderKind::kTiles, 2, 16, 16}, {OrderKind::kTiles, 1, 1, 1},
};

}  // namespace twill::test
