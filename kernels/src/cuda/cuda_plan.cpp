// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/kernels/cuda_plan.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <numeric>
#include <utility>

#include "../checks.h"

namespace twill::kernels {
namespace {

static_assert(sizeof(CudaHead) == 8 * sizeof(std::int32_t));
static_assert(sizeof(CudaPart) == 4 * sizeof(std::int32_t));
static_assert(sizeof(CudaList) == 8 * sizeof(std::int32_t));
static_assert(sizeof(KeyRun) == 2 * sizeof(std::int32_t));

class PlanImage {
 public:
  PlanImage(const CudaPlanInput& input, CudaPlan& plan)
      : input_(input), plan_(plan), query_tiles_(tile_count(input.tokens, kQueryTile)) {}

  void build() {
    plan_ = {};
    plan_.tokens = input_.tokens;
    plan_.variants = input_.variants;
    plan_.image.assign(kCudaHeaderWords, 0);
    add_lists();
    add_layers();
  }

 private:
  // Tables begin at multiples of 16 bytes.
  template <typename T>
  std::int64_t add(std::span<const T> values) {
    const auto at = static_cast<std::int64_t>(plan_.image.size());
    const auto* words = reinterpret_cast<const std::int32_t*>(values.data());
    plan_.image.insert(plan_.image.end(), words,
                       words + values.size() * (sizeof(T) / sizeof(std::int32_t)));
    plan_.image.resize((plan_.image.size() + 3) / 4 * 4, 0);
    return at;
  }

  std::int64_t mean_cost(std::int32_t list) const { return total_[list] / query_tiles_; }

  void add_lists() {
    std::vector<CudaList> records;
    for (std::size_t i = 0; i < input_.lists.size(); ++i) {
      const TileListView& list = input_.lists[i];
      CudaList record;
      record.runs = static_cast<std::int32_t>(add(list.runs));
      record.run_begin = static_cast<std::int32_t>(add(list.run_begin));
      std::vector<std::int32_t> tiles(query_tiles_, 0);
      const bool whole = list.run_begin.size() == static_cast<std::size_t>(query_tiles_) + 1;
      for (std::int32_t tile = 0; whole && tile < query_tiles_; ++tile) {
        for (std::int32_t run = list.run_begin[tile]; run < list.run_begin[tile + 1]; ++run) {
          tiles[tile] += list.runs[run].count;
        }
      }
      total_.push_back(std::accumulate(tiles.begin(), tiles.end(), std::int64_t{0}));
      record.tiles = static_cast<std::int32_t>(add(std::span<const std::int32_t>(tiles)));
      std::vector<std::int32_t> order(query_tiles_);
      std::iota(order.begin(), order.end(), 0);
      const auto others = std::stable_partition(order.begin(), order.end(), [&](std::int32_t tile) {
        return tiles[tile] > 2 * mean_cost(static_cast<std::int32_t>(i)) + 1;
      });
      record.heavy = static_cast<std::int32_t>(others - order.begin());
      if (whole && !neighbours_share(list)) {
        std::stable_sort(others, order.end(), [&](std::int32_t one, std::int32_t two) {
          return tiles[one] > tiles[two];
        });
      }
      record.order = static_cast<std::int32_t>(add(std::span<const std::int32_t>(order)));
      record.positions = add_positions(list.position_to_token);
      heavy_.push_back(record.heavy);
      records.push_back(record);
    }
    plan_.offsets.lists = add(std::span<const CudaList>(records));
  }

  // Whether query tiles have at least half of their key tiles in common with the next. Then those
  // that run together find keys in the L2 whatever their pace. Else they do so only as long as all
  // walk through the keys side by side, for which they must take equally long.
  bool neighbours_share(const TileListView& list) const {
    std::int64_t kept = 0;
    std::int64_t shared = 0;
    for (std::int32_t tile = 0; tile + 1 < query_tiles_; ++tile) {
      std::int32_t other = list.run_begin[tile + 1];
      const std::int32_t last = list.run_begin[tile + 2];
      for (std::int32_t i = list.run_begin[tile]; i < list.run_begin[tile + 1]; ++i) {
        const KeyRun run = list.runs[i];
        kept += run.count;
        const auto end_of = [](const KeyRun& each) { return each.first + each.count; };
        while (other < last && end_of(list.runs[other]) <= run.first) {
          ++other;
        }
        for (std::int32_t at = other; at < last && list.runs[at].first < end_of(run); ++at) {
          shared += std::min(end_of(run), end_of(list.runs[at])) -
                    std::max(run.first, list.runs[at].first);
        }
      }
    }
    return 2 * shared >= kept;
  }

  // Lists of one order share its table, also when each brings a copy of its own.
  std::int32_t add_positions(std::span<const std::int32_t> positions) {
    if (positions.empty()) {
      return 0;
    }
    for (const auto& [known, at] : positions_) {
      if (known.data() == positions.data() || std::ranges::equal(known, positions)) {
        return at;
      }
    }
    const auto at = static_cast<std::int32_t>(add(positions));
    positions_.emplace_back(positions, at);
    return at;
  }

  std::int64_t cost(const HeadTask& task) const {
    switch (task.mode) {
      case HeadMode::kDense:
        return std::int64_t{query_tiles_} * tile_count(input_.tokens, kKeyTile);
      case HeadMode::kSparse:
        return 1 + total_[task.list];
      default:
        return 0;
    }
  }

  // The layer's record; `most_heads` of room.
  std::vector<std::int32_t> layer_record(std::span<const HeadTask> tasks, std::int32_t most_heads,
                                         CudaPlan::Layer& facts) const {
    std::vector<std::int32_t> heads(tasks.size());  // the dear ones first
    std::iota(heads.begin(), heads.end(), 0);
    std::ranges::stable_sort(heads, std::greater<>(),
                             [&](std::int32_t head) { return cost(tasks[head]); });
    const auto others = std::stable_partition(heads.begin(), heads.end(), [&](std::int32_t head) {
      return precision_of(tasks[head]) == Precision::kBf16;
    });
    const auto in_elements = static_cast<std::int32_t>(others - heads.begin());
    const auto all = std::span<const std::int32_t>(heads);
    const Part first = part_of(all.first(in_elements), tasks, 0);
    const Part second = part_of(all.subspan(in_elements), tasks, in_elements);
    facts.heads = static_cast<std::int32_t>(tasks.size());
    facts.in_elements = std::max(facts.in_elements, first.part.heads);
    facts.gathered = std::max(facts.gathered, first.gathered);
    facts.quantised = std::max(facts.quantised, second.gathered);
    facts.means = std::max(facts.means, first.means);
    std::vector<std::int32_t> words;
    const auto append = [&](const auto& values) {
      const auto bytes = std::as_bytes(std::span(values));
      const std::size_t at = words.size();
      words.resize(at + bytes.size() / sizeof(std::int32_t));
      std::memcpy(words.data() + at, bytes.data(), bytes.size());
    };
    append(std::array{first.part, second.part});
    append(first.heads);
    append(second.heads);
    words.resize(kCudaLayerWords + most_heads * sizeof(CudaHead) / sizeof(std::int32_t), 0);
    return words;
  }

  static Precision precision_of(const HeadTask& task) {
    const bool has_keys = task.mode == HeadMode::kDense || task.mode == HeadMode::kSparse;
    return has_keys ? task.precision : Precision::kBf16;
  }

  struct Part {
    CudaPart part;
    std::vector<CudaHead> heads;
    std::int32_t gathered = 0;
    std::int32_t means = 0;
  };
  Part part_of(std::span<const std::int32_t> heads, std::span<const HeadTask> tasks,
               std::int32_t first_head) const {
    Part result;
    result.part.first_head = first_head;
    for (const std::int32_t head : heads) {
      const HeadTask& task = tasks[head];
      const Precision precision = precision_of(task);
      CudaHead record{.head = head,
                      .mode = static_cast<std::int32_t>(task.mode),
                      .heavy_before = result.part.heavy,
                      .others_before = result.part.others,
                      .precision = static_cast<std::int32_t>(precision)};
      bool has_order = false;
      if (task.mode == HeadMode::kSparse) {
        record.list = task.list;
        record.heavy = heavy_[task.list];
        has_order = !input_.lists[task.list].position_to_token.empty();
      }
      if (has_order || precision == Precision::kInt8) {
        record.gathered = result.gathered++;
      }
      result.means += task.mode == HeadMode::kMean ? 1 : 0;
      result.part.heavy += record.heavy;
      result.part.others += query_tiles_ - record.heavy;
      ++result.part.heads;
      result.heads.push_back(record);
    }
    return result;
  }

  void add_layers() {
    std::size_t most_heads = 0;
    for (const std::span<const HeadTask>& tasks : input_.tasks) {
      most_heads = std::max(most_heads, tasks.size());
    }
    plan_.offsets.layer_words =
        kCudaLayerWords + static_cast<std::int32_t>(most_heads * sizeof(CudaHead) / 4);
    plan_.layers.resize(input_.layers);
    for (std::size_t i = 0; i < input_.tasks.size(); ++i) {
      const std::vector<std::int32_t> record = layer_record(
          input_.tasks[i], static_cast<std::int32_t>(most_heads), plan_.layers[i % input_.layers]);
      const std::int64_t at = add(std::span<const std::int32_t>(record));
      plan_.offsets.layers = i == 0 ? at : plan_.offsets.layers;
    }
  }

  const CudaPlanInput& input_;
  CudaPlan& plan_;
  std::int32_t query_tiles_;
  std::vector<std::pair<std::span<const std::int32_t>, std::int32_t>> positions_;
  std::vector<std::int64_t> total_;  // [lists] tiles
  std::vector<std::int32_t> heavy_;  // [lists]
};

}  // namespace

Status make_cuda_plan(const CudaPlanInput& input, CudaPlan* plan) {
  if (input.tokens < 1 || input.variants < 1 || input.layers < 1) {
    return refuse("tokens ", input.tokens, ", variants ", input.variants, ", layers ", input.layers,
                  ": each must be at least 1");
  }
  if (input.tasks.size() != static_cast<std::size_t>(input.variants) * input.layers) {
    return refuse(input.tasks.size(), " task tables for ", input.variants, " variants of ",
                  input.layers, " layers");
  }
  std::int64_t words = 0;
  for (const TileListView& list : input.lists) {
    words += 2 * std::ssize(list.runs) + 4 * std::ssize(list.run_begin) +
             std::ssize(list.position_to_token) + 64;
  }
  if (words > std::numeric_limits<std::int32_t>::max()) {
    return refuse("the lists take ", words, " words, more than 32-bit offsets reach");
  }
  std::vector<HeadTask> every;  // one check of each list that any task names
  for (std::size_t i = 0; i < input.tasks.size(); ++i) {
    const std::size_t heads = input.tasks[i % input.layers].size();
    if (input.tasks[i].empty() || input.tasks[i].size() != heads) {
      return refuse("layer ", i % input.layers, ": ", input.tasks[i].size(),
                    " tasks in one variant, ", heads, " in another");
    }
    every.insert(every.end(), input.tasks[i].begin(), input.tasks[i].end());
  }
  if (Status status = check_tasks(every, input.lists, input.tokens); !status) {
    return status;
  }
  return run_guarded([&] { PlanImage(input, *plan).build(); });
}

}  // namespace twill::kernels
