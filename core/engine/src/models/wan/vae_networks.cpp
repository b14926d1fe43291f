// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "vae_networks.h"

#include <algorithm>
#include <utility>

#include "vae_shortcuts.h"

namespace twill::engine {
namespace {

at::Tensor joined(std::vector<at::Tensor> parts) {
  return parts.size() == 1 ? std::move(parts.front()) : at::cat(parts);
}

}  // namespace

VaeCells UpLevel::in_blocks(at::Tensor x, ClipState& state) const {
  const at::Tensor around = shortcut ? x : at::Tensor();  // else freed by the first block
  for (const ResidualBlock& block : blocks) {
    x = block(x, state);
  }
  return {x, around};
}

at::Tensor UpLevel::out(VaeCells cells, ClipState& state) const {
  at::Tensor x = std::move(cells.x);
  if (up) {
    x = (*up)(x, state);
  }
  if (shortcut) {
    add_repeats(x, cells.around, up->time ? 2 : 1, state.at_start());
  }
  return x;
}

at::Tensor DownLevel::operator()(at::Tensor x, ClipState& state) const {
  const at::Tensor around = shortcut ? x : at::Tensor();  // else freed by the first block
  for (const ResidualBlock& block : blocks) {
    x = block(x, state);
  }
  if (down) {
    x = (*down)(x, state);
  }
  if (shortcut && down) {
    add_means(x, around, times(), state.at_start());
  } else if (shortcut) {
    x.add_(around);
  }
  return x;
}

VaeDecoder::VaeDecoder(const VaeLoader& loader, bool residual)
    : from_latent_(loader, "conv2"),
      first_(loader, "decoder.conv1"),
      middle_(loader, "decoder.middle") {
  VaeLayerNames names("decoder.", "upsamples.", residual);
  for (int level = 0; level < kVaeLevels; ++level, names.end_level()) {
    const bool last = level + 1 == kVaeLevels;
    UpLevel& made = levels_.emplace_back(UpLevel{.shortcut = residual && !last});
    for (int i = 0; i < kDecoderBlocks; ++i) {
      made.blocks.emplace_back(loader, names.next());
    }
    if (!last) {
      made.up.emplace(loader, names.next());
    }
  }
  head_.emplace(loader, "decoder.head.0", "decoder.head.2");
}

VaeCells VaeDecoder::cells(const at::Tensor& latents, VaePass& pass) const {
  ClipState& state = pass.cells();
  state.next_piece();
  return levels_.front().in_blocks(middle_(first_(from_latent_(latents), state), state), state);
}

void VaeDecoder::frames(const VaeCells& cells, VaePass& pass, const Sink& sink) const {
  ClipState& state = pass.state(0);
  state.next_piece();
  go_on(1, levels_.front().out(cells, state), pass, sink);
}

void VaeDecoder::go_on(std::size_t level, const at::Tensor& x, VaePass& pass,
                       const Sink& sink) const {
  in_groups(x.size(0), pass.group(level), [&](std::int64_t first, std::int64_t count) {
    ClipState& state = pass.state(level);
    state.next_piece();
    VaeCells made = levels_[level].in_blocks(x.narrow(0, first, count), state);
    if (level + 1 == levels_.size()) {
      sink((*head_)(made.x, state));
    } else {
      go_on(level + 1, levels_[level].out(std::move(made), state), pass, sink);
    }
  });
}

VaeEncoder::VaeEncoder(const VaeLoader& loader, bool residual)
    : first_(loader, "encoder.conv1"),
      middle_(loader, "encoder.middle"),
      head_(loader, "encoder.head.0", "encoder.head.2"),
      to_latent_(loader, "conv1") {
  VaeLayerNames names("encoder.", "downsamples.", residual);
  for (int level = 0; level < kVaeLevels; ++level, names.end_level()) {
    DownLevel& made = levels_.emplace_back(DownLevel{.shortcut = residual});
    for (int i = 0; i < kEncoderBlocks; ++i) {
      made.blocks.emplace_back(loader, names.next());
    }
    if (level + 1 < kVaeLevels) {
      made.down.emplace(loader, names.next());
    }
  }
}

at::Tensor VaeEncoder::cells(std::int64_t first, std::int64_t count, VaePass& pass,
                             const Source& source) const {
  return made_by(levels_.size() - 2, first, count, pass, source);
}

at::Tensor VaeEncoder::made_by(std::size_t level, std::int64_t first, std::int64_t count,
                               VaePass& pass, const Source& source) const {
  const DownLevel& here = levels_[level];
  const std::int64_t group = std::max<std::int64_t>(1, pass.group(level) / here.times());
  std::vector<at::Tensor> parts;
  in_groups(count, group, [&](std::int64_t begin, std::int64_t made) {
    const std::int64_t from = here.frames_for(first + begin);
    const std::int64_t frames = here.frames_for(first + begin + made) - from;
    ClipState& state = pass.state(level);
    at::Tensor x;
    if (level == 0) {
      state.next_piece();
      x = first_(source(from, frames), state);
    } else {
      x = made_by(level - 1, from, frames, pass, source);
      state.next_piece();
    }
    parts.push_back(here(std::move(x), state));
  });
  return joined(std::move(parts));
}

at::Tensor VaeEncoder::mean(const at::Tensor& cells, VaePass& pass) const {
  ClipState& state = pass.cells();
  state.next_piece();
  const at::Tensor x = levels_.back()(cells, state);
  const at::Tensor both = to_latent_(head_(middle_(x, state), state));
  return both.narrow(3, 0, both.size(3) / 2);
}

}  // namespace twill::engine
