#include "places.h"

#include <algorithm>
#include <cmath>

#include "lanes.h"

namespace topformer {
namespace {

// In double precision and rounded once, as in Python: every C library gives the same bits.
float sigmoid(float logit) {
  return static_cast<float>(1.0 / (1.0 + std::exp(-static_cast<double>(logit))));
}

// A logit below which no score is as large as this one, rounding included.
float surely_below(double score) {
  // A score is rounded by 2^-25 of itself at most, or by half of the least number that there is.
  const double least = std::max(score * (1.0 - 0x1p-24) - 0x1p-149, 0.0);
  return static_cast<float>(std::log(least / (1.0 - least)) - 1e-3);
}

bool is_better(const Place& one, const Place& other) {
  return one.score > other.score || (one.score == other.score && one.position < other.position);
}

}  // namespace

PlaceFinder::PlaceFinder(const MapShape& logits, double threshold, int most)
    : shape_(logits),
      threshold_(static_cast<float>(threshold)),
      most_(static_cast<std::size_t>(most)),
      first_floor_(surely_below(threshold)),
      floor_(first_floor_) {
  found_.reserve(2 * most_);
}

const std::vector<Place>& PlaceFinder::find(const float* logits) {
  found_.clear();
  floor_ = first_floor_;
  // Nearly all logits lie below: sixteen are passed over with one branch.
  constexpr std::size_t kStep = 4 * kLanes;
  const std::size_t count = shape_.count();
  std::size_t at = 0;
  for (; at + kStep <= count; at += kStep) {
    LaneFlags above{};
    for (std::size_t i = 0; i < kStep; i += kLanes) above |= load(logits + at + i) > floor_;
    if (!any(above)) continue;
    for (std::size_t i = 0; i < kStep; ++i) consider(logits, at + i);
  }
  for (; at < count; ++at) consider(logits, at);
  if (found_.size() > most_) keep_best();
  std::sort(found_.begin(), found_.end(), is_better);
  return found_;
}

// NaN is above nothing.
void PlaceFinder::consider(const float* logits, std::size_t index) {
  if (!(logits[index] > floor_)) return;
  const float score = sigmoid(logits[index]);
  if (!(score > threshold_)) return;
  if (found_.size() == 2 * most_) keep_best();
  const std::size_t channel = index / shape_.plane();
  const std::size_t place = index % shape_.plane();
  const std::size_t position = place * static_cast<std::size_t>(shape_.channels) + channel;
  found_.push_back({score, static_cast<std::uint32_t>(position)});
}

// Forgets all but the best, and looks at none from here on that is surely worse than these.
void PlaceFinder::keep_best() {
  const auto last = found_.begin() + static_cast<std::ptrdiff_t>(most_) - 1;
  std::nth_element(found_.begin(), last, found_.end(), is_better);
  found_.resize(most_);
  floor_ = std::max(floor_, surely_below(found_.back().score));
}

}  // namespace topformer
