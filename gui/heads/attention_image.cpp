// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "heads/attention_image.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "twill/plan/compile.h"
#include "twill/plan/error.h"
#include "twill/report/heads_picture.h"

namespace twill::gui {
namespace {

QList<QRgb> make_table() {
  QList<QRgb> table;
  for (int i = 0; i < 256; ++i) {
    table.append(attention_colour(i / 255.0));
  }
  return table;
}

using Share = std::map<std::int32_t, float>;  // block -> tokens

// Blocks of the tokens at positions [begin, end).
Share blocks_of(const std::vector<std::int32_t>* position_to_token, std::int32_t begin,
                std::int32_t end, std::int32_t block) {
  Share share;
  for (std::int32_t position = begin; position < end; ++position) {
    const std::int32_t token =
        position_to_token ? (*position_to_token)[static_cast<std::size_t>(position)] : position;
    share[token / block] += 1.0F;
  }
  return share;
}

}  // namespace

QRgb attention_colour(double value) {
  const report::Colour colour = report::heat(std::sqrt(std::clamp(value, 0.0, 1.0)));
  return qRgb(colour.red, colour.green, colour.blue);
}

HeadMap profile_map(const std::shared_ptr<const Profile>& profile, std::size_t expert,
                    std::size_t head) {
  if (!profile || profile->map_size <= 0 || profile->maps.empty()) {
    return {};
  }
  const auto size = static_cast<std::size_t>(profile->map_size);
  const std::uint8_t* cells = &profile->maps[(expert * profile->heads() + head) * size * size];
  return {.cells = {profile, cells}, .size = profile->map_size, .layout = profile->layout};
}

QImage attention_image(const HeadMap& map) {
  static const QList<QRgb> kTable = make_table();
  if (!map.cells) {
    return {};
  }
  QImage image(map.cells.get(), map.size, map.size, map.size, QImage::Format_Indexed8);
  image.setColorTable(kTable);
  return image;
}

QImage enlarged(const QImage& map, const QSize& size) {
  QImage large(size, QImage::Format_RGB32);
  const QList<QRgb> table = map.colorTable();
  std::vector<int> column(static_cast<std::size_t>(size.width()));
  for (int x = 0; x < size.width(); ++x) {
    column[static_cast<std::size_t>(x)] = x * map.width() / size.width();
  }
  int drawn = -1;
  for (int y = 0; y < size.height(); ++y) {
    auto* line = reinterpret_cast<QRgb*>(large.scanLine(y));
    const int row = y * map.height() / size.height();
    if (row == drawn) {
      std::memcpy(line, large.constScanLine(y - 1), sizeof(QRgb) * column.size());
      continue;
    }
    drawn = row;
    const uchar* from = map.constScanLine(row);
    for (std::size_t x = 0; x < column.size(); ++x) {
      line[x] = table[from[column[x]]];
    }
  }
  return large;
}

std::vector<float> kept_share(const Pattern& pattern, const TokenLayout& layout,
                              std::int32_t blocks) {
  TWILL_ASSERT(blocks > 0);
  const auto size = static_cast<std::size_t>(blocks);
  std::vector<float> share(size * size, 0.0F);
  if (pattern.kind == PatternKind::kDense) {
    std::fill(share.begin(), share.end(), 1.0F);
  }
  if (pattern.parts.empty()) {
    return share;
  }
  const TileList list = compile_pattern(pattern, layout);
  const std::vector<std::int32_t>* order = list.position_to_token.get();
  const std::int32_t tokens = layout.tokens();
  const std::int32_t block = (tokens + blocks - 1) / blocks;
  std::vector<Share> keys;
  for (std::int32_t first = 0; first < tokens; first += kernels::kKeyTile) {
    keys.push_back(blocks_of(order, first, std::min(first + kernels::kKeyTile, tokens), block));
  }
  std::vector<float> row(size);
  for (std::size_t tile = 0; tile + 1 < list.run_begin.size(); ++tile) {
    std::fill(row.begin(), row.end(), 0.0F);
    for (std::int32_t run = list.run_begin[tile]; run < list.run_begin[tile + 1]; ++run) {
      const kernels::KeyRun& of = list.runs[static_cast<std::size_t>(run)];
      for (std::int32_t key = of.first; key < of.first + of.count; ++key) {
        for (const auto& [column, count] : keys[static_cast<std::size_t>(key)]) {
          row[static_cast<std::size_t>(column)] += count;
        }
      }
    }
    const auto begin = static_cast<std::int32_t>(tile) * kernels::kQueryTile;
    for (const auto& [query, count] :
         blocks_of(order, begin, std::min(begin + kernels::kQueryTile, tokens), block)) {
      for (std::size_t column = 0; column < size; ++column) {
        share[static_cast<std::size_t>(query) * size + column] += count * row[column];
      }
    }
  }
  const auto tokens_in = [&](std::size_t index) {
    const std::int32_t begin = static_cast<std::int32_t>(index) * block;
    return static_cast<float>(std::clamp(tokens - begin, 0, block));
  };
  for (std::size_t query = 0; query < size; ++query) {
    for (std::size_t key = 0; key < size; ++key) {
      const float all = tokens_in(query) * tokens_in(key);
      share[query * size + key] = all > 0.0F ? share[query * size + key] / all : 0.0F;
    }
  }
  return share;
}

}  // namespace twill::gui
