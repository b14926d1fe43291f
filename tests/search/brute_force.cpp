// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "search/brute_force.h"

#include <limits>

#include "twill/plan/compile.h"

namespace twill::test {
namespace {

class Trial {
 public:
  Trial(const Profile& profile, const search::SolveRequest& request)
      : profile_(profile), request_(request), steps_(request.forwards.size()) {
    for (const Pattern& pattern : profile.candidates) {
      cost_.push_back(static_cast<double>(pattern_tiles(pattern, profile.layout)) /
                      static_cast<double>(dense_tiles(profile.layout)));
    }
    most_ = request.budget * static_cast<double>(steps_ * profile.heads()) * (1.0 + 1e-9);
  }

  double best() {
    const auto told = [](const std::optional<std::int32_t>& steps, std::size_t length) {
      return steps ? std::pair{static_cast<std::size_t>(*steps), static_cast<std::size_t>(*steps)}
                   : std::pair{std::size_t{0}, length};
    };
    const auto [first_low, first_high] = told(request_.dense_first_steps, steps_);
    for (std::size_t first = first_low; first <= first_high; ++first) {
      const auto [last_low, last_high] = told(request_.dense_last_steps, steps_ - first);
      for (std::size_t last = last_low; last <= last_high && first + last <= steps_; ++last) {
        const double dense_cost = static_cast<double>((first + last) * profile_.heads());
        end_ = steps_ - last;
        if (first == end_) {
          accept(dense_cost, 0.0);
        } else {
          segments(first, 1, dense_cost, 0.0);
        }
      }
    }
    return best_;
  }

 private:
  void accept(double cost, double error) {
    if (cost <= most_ && error < best_) {
      best_ = error;
    }
  }

  // Tries every end of the segment that begins here, then every candidate of each of its heads.
  void segments(std::size_t begin, std::int32_t number, double cost, double error) {
    for (std::size_t end = begin + 1; end <= end_; ++end) {
      if (end < end_ && number == request_.max_segments) {
        continue;
      }
      heads(begin, end, 0, number, cost, error);
    }
  }

  void heads(std::size_t begin, std::size_t end, std::size_t head, std::int32_t number, double cost,
             double error) {
    if (cost > most_ || error >= best_) {
      return;
    }
    if (head == profile_.heads()) {
      if (end == end_) {
        accept(cost, error);
      } else {
        segments(end, number + 1, cost, error);
      }
      return;
    }
    for (std::size_t candidate = 0; candidate < cost_.size(); ++candidate) {
      double added = 0.0;
      for (std::size_t step = begin; step < end; ++step) {
        added += error_at(step, head, candidate);
      }
      heads(begin, end, head + 1, number,
            cost + static_cast<double>(end - begin) * cost_[candidate], error + added);
    }
  }

  double error_at(std::size_t step, std::size_t head, std::size_t candidate) const {
    const double t = request_.forwards[step].t;
    const std::vector<double>& times = profile_.t;
    const auto product = [&](std::size_t i) {
      const PatternKind kind = profile_.candidates[candidate].kind;
      const double shown = kind == PatternKind::kMean || kind == PatternKind::kSkip ? 16.0 : 1.0;
      return shown * double{profile_.gain_at(i, 0, head)} *
             double{profile_.error_at(i, 0, head, candidate)};
    };
    double value = 0.0;
    if (t >= times.front()) {
      value = product(0);
    } else if (t <= times.back()) {
      value = product(times.size() - 1);
    } else {
      std::size_t i = 0;
      while (times[i + 1] > t) {
        ++i;
      }
      value =
          product(i) + (product(i + 1) - product(i)) * (times[i] - t) / (times[i] - times[i + 1]);
    }
    return value * request_.forwards[step].weight * search::weight_at(request_.weight, t);
  }

  const Profile& profile_;
  const search::SolveRequest& request_;
  std::size_t steps_ = 0;
  std::size_t end_ = 0;
  std::vector<double> cost_;
  double most_ = 0.0;
  double best_ = std::numeric_limits<double>::infinity();
};

}  // namespace

double least_error_by_trying(const Profile& profile, const search::SolveRequest& request) {
  return Trial(profile, request).best();
}

}  // namespace twill::test
