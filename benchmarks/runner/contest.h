// Classes that may win on a patch of pixels, interpolated there one after the other.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "label_axis.h"
#include "lanes.h"
#include "map_shape.h"

namespace topformer {

using Label = std::uint16_t;

// A patch of pixels within one cell.
struct Patch {
  const PixelRun& down;
  const PixelRun& across;
};

// The four logits of one class around a cell or a patch.
struct Corners {
  float top_left, top_right, bottom_left, bottom_right;

  float smallest() const {
    return std::min(std::min(top_left, top_right), std::min(bottom_left, bottom_right));
  }
  bool all_below(const Corners& other) const {
    return top_left < other.top_left && top_right < other.top_right &&
           bottom_left < other.bottom_left && bottom_right < other.bottom_right;
  }
};

inline Corners corners_at(const MapShape& shape, const float* logits, Label number, int top,
                          int bottom, int left, int right) {
  const float* plane = logits + number * shape.plane();
  const float* upper =
      plane + static_cast<std::size_t>(top) * static_cast<std::size_t>(shape.width);
  const float* lower =
      plane + static_cast<std::size_t>(bottom) * static_cast<std::size_t>(shape.width);
  return {upper[left], upper[right], lower[left], lower[right]};
}

// Logits on a run of pixels, and classes on it, as wide as the logits.
using Run = std::array<Lanes, kRunPixels / kLanes>;
using RunLabels = std::array<LaneFlags, kRunPixels / kLanes>;

// Each product and each sum is rounded, as in Python.
inline Run mix(float first, float second, const std::array<float, kRunPixels>& shares) {
  Run mixed;
  for (std::size_t i = 0; i < mixed.size(); ++i) {
    const Lanes share = load(shares.data() + i * kLanes);
    mixed[i] = (1.0F - share) * first + share * second;
  }
  return mixed;
}

inline Run mix(const Run& first, const Run& second, float share) {
  Run mixed;
  for (std::size_t i = 0; i < mixed.size(); ++i) {
    mixed[i] = (1.0F - share) * first[i] + share * second[i];
  }
  return mixed;
}

enum class Order { kFinite, kAny };

// Where a value beats the best so far: the first of equal ones wins and, where values may be NaN,
// the first NaN, as argmax has it.
template <Order order>
LaneFlags beats(Lanes challenger, Lanes best) {
  if constexpr (order == Order::kFinite) return challenger > best;
  return (best == best) & ((challenger != challenger) | (challenger > best));
}

class Contest {
 public:
  Contest(const MapShape& shape, const float* logits, const Patch& patch)
      : shape_(shape), logits_(logits), patch_(patch) {}

  void enter_first(Label number) {
    const Sides sides = sides_of(number);
    for (std::size_t y = 0; y < rows(); ++y) {
      values_[y] = mix(sides.top, sides.bottom, patch_.down.shares[y]);
      winners_[y].fill(LaneFlags{} + number);
    }
  }

  template <Order order>
  void enter(Label number) {
    const Sides sides = sides_of(number);
    for (std::size_t y = 0; y < rows(); ++y) {
      const Run challenger = mix(sides.top, sides.bottom, patch_.down.shares[y]);
      for (std::size_t i = 0; i < challenger.size(); ++i) {
        const LaneFlags wins = beats<order>(challenger[i], values_[y][i]);
        winners_[y][i] = wins ? LaneFlags{} + number : winners_[y][i];
        values_[y][i] = wins ? challenger[i] : values_[y][i];
      }
    }
  }

  Label winner(int y, int x) const {
    const auto pixel = static_cast<std::size_t>(x);
    return static_cast<Label>(
        winners_[static_cast<std::size_t>(y)][pixel / kLanes][pixel % kLanes]);
  }

 private:
  // First along the rows, then between them, as torch does.
  struct Sides {
    Run top, bottom;
  };

  std::size_t rows() const { return static_cast<std::size_t>(patch_.down.count); }

  Sides sides_of(Label number) const {
    const PixelRun& down = patch_.down;
    const PixelRun& across = patch_.across;
    const Corners corners =
        corners_at(shape_, logits_, number, down.first, down.second, across.first, across.second);
    return {mix(corners.top_left, corners.top_right, across.shares),
            mix(corners.bottom_left, corners.bottom_right, across.shares)};
  }

  const MapShape& shape_;
  const float* logits_;
  const Patch& patch_;
  std::array<Run, kRunPixels> values_;
  std::array<RunLabels, kRunPixels> winners_;
};

}  // namespace topformer
