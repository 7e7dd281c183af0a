#include "candidates.h"

#include <algorithm>
#include <cmath>

#include "lanes.h"

namespace topformer {
namespace {

// Logits searched at once, 256 KiB of them.
constexpr std::size_t kLogitsAtOnce = 1 << 16;

// The logits above and below one row of cells, of one class.
struct Edges {
  const float* upper;
  const float* lower;

  // Over the corners of four cells, or of the cell between `x` and `right`.
  Lanes smallest(std::size_t x) const {
    return smaller(smaller(load(upper + x), load(lower + x)),
                   smaller(load(upper + x + 1), load(lower + x + 1)));
  }
  Lanes largest(std::size_t x) const {
    return larger(larger(load(upper + x), load(lower + x)),
                  larger(load(upper + x + 1), load(lower + x + 1)));
  }
  float smallest(std::size_t x, std::size_t right) const {
    return std::min(std::min(upper[x], lower[x]), std::min(upper[right], lower[right]));
  }
  float largest(std::size_t x, std::size_t right) const {
    return std::max(std::max(upper[x], lower[x]), std::max(upper[right], lower[right]));
  }
};

// Calls `four(x)` for cells `x` to `x + 3` that each have a right neighbour; where they do not come
// out even, the last four reach back over cells that were visited. Then calls `one(x)` for the last
// cell of the row, which ends at its own logit, and for all cells of a row that is too short.
template <typename OnFour, typename OnOne>
void for_each_cell(std::size_t width, OnFour four, OnOne one) {
  const std::size_t inner = width - 1;
  if (inner < kLanes) {
    for (std::size_t x = 0; x < width; ++x) one(x);
    return;
  }
  for (std::size_t x = 0; x + kLanes <= inner; x += kLanes) four(x);
  if (inner % kLanes != 0) four(inner - kLanes);
  one(inner);
}

}  // namespace

Candidates::Candidates(const MapShape& shape)
    : shape_(shape), width_(static_cast<std::size_t>(shape.width)) {
  const std::size_t cells = static_cast<std::size_t>(rows_at_once()) * width_;
  bounds_.resize(cells);
  starts_.resize(cells + 1);
  counts_.resize(cells);
}

int Candidates::rows_at_once() const {
  const std::size_t logits_of_row = static_cast<std::size_t>(shape_.channels) * width_;
  const auto rows = static_cast<int>(kLogitsAtOnce / logits_of_row);
  return std::clamp(rows, 1, shape_.height);
}

void Candidates::search(const float* logits, int first_row, int rows) {
  first_row_ = first_row;
  raise_bounds(logits, rows);
  find_possible(logits, rows);
  sort_by_cell(static_cast<std::size_t>(rows) * width_);
  for (int row = first_row; row < first_row + rows; ++row) {
    for (int column = 0; column < shape_.width; ++column) drop_beaten(logits, row, column);
  }
}

const float* Candidates::row_of(const float* logits, std::size_t number, int row) const {
  return logits + number * shape_.plane() +
         static_cast<std::size_t>(std::min(row, shape_.height - 1)) * width_;
}

void Candidates::raise_bounds(const float* logits, int rows) {
  std::fill(bounds_.begin(), bounds_.end(), -INFINITY);
  for (std::size_t number = 0; number < static_cast<std::size_t>(shape_.channels); ++number) {
    for (int row = first_row_; row < first_row_ + rows; ++row) {
      const Edges edges{row_of(logits, number, row), row_of(logits, number, row + 1)};
      float* bounds = bounds_.data() + at(row, 0);
      for_each_cell(
          width_,
          [&](std::size_t x) { store(bounds + x, larger(load(bounds + x), edges.smallest(x))); },
          [&](std::size_t x) {
            bounds[x] = std::max(bounds[x], edges.smallest(x, std::min(x + 1, width_ - 1)));
          });
    }
  }
}

// A class is possible in a cell when its largest corner reaches the bound.
void Candidates::find_possible(const float* logits, int rows) {
  found_.clear();
  for (std::size_t number = 0; number < static_cast<std::size_t>(shape_.channels); ++number) {
    for (int row = first_row_; row < first_row_ + rows; ++row) {
      const Edges edges{row_of(logits, number, row), row_of(logits, number, row + 1)};
      const std::size_t row_start = at(row, 0);
      const float* bounds = bounds_.data() + row_start;
      std::size_t next = 0;  // the cells before it are done
      const auto add = [&](std::size_t x) {
        found_.push_back({static_cast<std::uint32_t>(row_start + x), static_cast<Label>(number)});
      };
      for_each_cell(
          width_,
          [&](std::size_t x) {
            const LaneFlags flags = edges.largest(x) >= load(bounds + x);
            if (any(flags)) {
              for (std::size_t lane = std::max(next, x) - x; lane < kLanes; ++lane) {
                if (flags[lane] != 0) add(x + lane);
              }
            }
            next = x + kLanes;
          },
          [&](std::size_t x) {
            if (edges.largest(x, std::min(x + 1, width_ - 1)) >= bounds[x]) add(x);
          });
    }
  }
}

// A counting sort; classes stay in ascending order within each cell.
void Candidates::sort_by_cell(std::size_t cells) {
  std::fill(counts_.begin(), counts_.end(), 0);
  for (const Found& found : found_) ++counts_[found.cell];
  starts_[0] = 0;
  for (std::size_t cell = 0; cell < cells; ++cell) {
    starts_[cell + 1] = starts_[cell] + static_cast<std::uint32_t>(counts_[cell]);
  }
  classes_.resize(found_.size());
  std::fill(counts_.begin(), counts_.end(), 0);
  for (const Found& found : found_) {
    classes_[starts_[found.cell] + static_cast<std::uint32_t>(counts_[found.cell]++)] =
        found.number;
  }
}

// Drops the candidates that the cell's best one, by its smallest corner, beats at all corners.
void Candidates::drop_beaten(const float* logits, int row, int column) {
  int& count = counts_[at(row, column)];
  if (count == 1) return;
  Label* classes = classes_.data() + starts_[at(row, column)];
  const auto corners_of = [&](Label number) {
    return corners_at(shape_, logits, number, row, std::min(row + 1, shape_.height - 1), column,
                      std::min(column + 1, shape_.width - 1));
  };
  // The last of equal ones, as in Python: who is dropped decides who wins where rounding makes
  // ties.
  Corners best = corners_of(classes[0]);
  for (int i = 1; i < count; ++i) {
    const Corners other = corners_of(classes[i]);
    if (other.smallest() >= best.smallest()) best = other;
  }
  int kept = 0;
  for (int i = 0; i < count; ++i) {
    if (!corners_of(classes[i]).all_below(best)) classes[kept++] = classes[i];
  }
  count = kept;
}

}  // namespace topformer
