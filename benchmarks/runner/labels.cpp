#include "labels.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "contest.h"

namespace topformer {
namespace {

// The cells of a row are looked at eight at a time, as one 64-bit word.
constexpr std::size_t kCellsPerWord = 8;

// Whether no logit is infinite or NaN.
bool all_finite(const float* logits, std::size_t count) {
  // Zero times anything finite is zero. Several sums at once, for the compiler may not reorder one.
  std::array<float, 16> sums{};
  std::size_t at = 0;
  for (; at + sums.size() <= count; at += sums.size()) {
    for (std::size_t lane = 0; lane < sums.size(); ++lane) sums[lane] += logits[at + lane] * 0.0F;
  }
  for (; at < count; ++at) sums[0] += logits[at] * 0.0F;
  return std::all_of(sums.begin(), sums.end(), [](float sum) { return sum == 0.0F; });
}

// Of one class: the smallest and the largest corner of each cell of one row. The last cell of a row
// ends at its own logit. Raises `bounds` to the smallest corners.
void pool_row(const float* upper, const float* lower, std::size_t width, float* bounds,
              float* largest) {
  for (std::size_t x = 0; x + 1 < width; ++x) {
    const float left_low = std::min(upper[x], lower[x]);
    const float right_low = std::min(upper[x + 1], lower[x + 1]);
    const float left_high = std::max(upper[x], lower[x]);
    const float right_high = std::max(upper[x + 1], lower[x + 1]);
    bounds[x] = std::max(bounds[x], std::min(left_low, right_low));
    largest[x] = std::max(left_high, right_high);
  }
  const std::size_t last = width - 1;
  bounds[last] = std::max(bounds[last], std::min(upper[last], lower[last]));
  largest[last] = std::max(upper[last], lower[last]);
}

}  // namespace

Labeller::Labeller(const LogitsShape& logits, int label_height, int label_width)
    : shape_(logits),
      rows_(logits.height, label_height),
      columns_(logits.width, label_width),
      label_width_(static_cast<std::size_t>(label_width)),
      padded_width_((static_cast<std::size_t>(logits.width) + kCellsPerWord - 1) / kCellsPerWord *
                    kCellsPerWord) {
  const auto classes = static_cast<std::size_t>(logits.classes);
  lower_bounds_.resize(padded_width_);
  largest_.resize(classes * padded_width_);
  possible_.resize(padded_width_);
  candidates_.resize(padded_width_ * classes);
  candidate_counts_.resize(padded_width_);
}

void Labeller::label(const float* logits, Label* labels) {
  if (!all_finite(logits, shape_.count())) {
    label_everywhere(logits, labels);
    return;
  }
  for (int row = 0; row < shape_.height; ++row) {
    search_row(logits, row);
    for (int column = 0; column < shape_.width; ++column) {
      const Cell cell{row, column};
      drop_beaten(logits, cell);
      contest(logits, cell, labels);
    }
  }
}

// Fills `candidates_` with the classes whose largest corner reaches the lower bound of their cell.
void Labeller::search_row(const float* logits, int row) {
  const auto width = static_cast<std::size_t>(shape_.width);
  const auto classes = static_cast<std::size_t>(shape_.classes);
  const std::size_t plane = static_cast<std::size_t>(shape_.height) * width;
  const float* upper = logits + static_cast<std::size_t>(row) * width;
  const float* lower = row + 1 < shape_.height ? upper + width : upper;

  std::fill(lower_bounds_.begin(), lower_bounds_.end(), -INFINITY);
  for (std::size_t number = 0; number < classes; ++number) {
    pool_row(upper + number * plane, lower + number * plane, width, lower_bounds_.data(),
             largest_.data() + number * padded_width_);
  }
  std::fill(candidate_counts_.begin(), candidate_counts_.end(), 0);
  for (std::size_t number = 0; number < classes; ++number) {
    const float* largest = largest_.data() + number * padded_width_;
    for (std::size_t x = 0; x < width; ++x) possible_[x] = largest[x] >= lower_bounds_[x];
    for (std::size_t first = 0; first < padded_width_; first += kCellsPerWord) {
      std::uint64_t word = 0;
      std::memcpy(&word, possible_.data() + first, sizeof word);
      if (word == 0) continue;  // most often
      for (std::size_t x = first; x < first + kCellsPerWord; ++x) {
        candidates_[x * classes + static_cast<std::size_t>(candidate_counts_[x])] =
            static_cast<Label>(number);
        candidate_counts_[x] += possible_[x];
      }
    }
  }
}

// Drops the candidates that the cell's best one, by its smallest corner, beats at all corners.
void Labeller::drop_beaten(const float* logits, const Cell& cell) {
  const auto column = static_cast<std::size_t>(cell.column);
  int& count = candidate_counts_[column];
  if (count == 1) return;
  Label* candidates = candidates_.data() + column * static_cast<std::size_t>(shape_.classes);
  const auto corners_of = [&](Label number) {
    return corners_at(shape_, logits, number, cell.row, std::min(cell.row + 1, shape_.height - 1),
                      cell.column, std::min(cell.column + 1, shape_.width - 1));
  };
  // The last of equal ones, as in Python: who is dropped decides who wins where rounding makes
  // ties.
  Corners best = corners_of(candidates[0]);
  for (int i = 1; i < count; ++i) {
    const Corners other = corners_of(candidates[i]);
    if (other.smallest() >= best.smallest()) best = other;
  }
  int kept = 0;
  for (int i = 0; i < count; ++i) {
    if (!corners_of(candidates[i]).all_below(best)) candidates[kept++] = candidates[i];
  }
  count = kept;
}

// A single candidate has won the whole cell; several are interpolated on its pixels.
void Labeller::contest(const float* logits, const Cell& cell, Label* labels) const {
  const auto row = static_cast<std::size_t>(cell.row);
  const auto column = static_cast<std::size_t>(cell.column);
  const Label* candidates = candidates_.data() + column * static_cast<std::size_t>(shape_.classes);
  const int count = candidate_counts_[column];
  for (int r = rows_.cell_starts[row]; r < rows_.cell_starts[row + 1]; ++r) {
    for (int c = columns_.cell_starts[column]; c < columns_.cell_starts[column + 1]; ++c) {
      const Patch patch{rows_.runs[static_cast<std::size_t>(r)],
                        columns_.runs[static_cast<std::size_t>(c)]};
      if (count == 1) {
        fill(patch, candidates[0], labels);
        continue;
      }
      Contest contest(shape_, logits, patch);
      contest.enter_first(candidates[0]);
      for (int i = 1; i < count; ++i) contest.enter<Order::kFinite>(candidates[i]);
      write(patch, contest, labels);
    }
  }
}

// Where logits are infinite or NaN no corner bounds anything: every class is a candidate
// everywhere.
void Labeller::label_everywhere(const float* logits, Label* labels) const {
  for (const PixelRun& down : rows_.runs) {
    for (const PixelRun& across : columns_.runs) {
      const Patch patch{down, across};
      Contest contest(shape_, logits, patch);
      contest.enter_first(0);
      for (int number = 1; number < shape_.classes; ++number) {
        contest.enter<Order::kAny>(static_cast<Label>(number));
      }
      write(patch, contest, labels);
    }
  }
}

void Labeller::fill(const Patch& patch, Label label, Label* labels) const {
  for (int y = 0; y < patch.down.count; ++y) {
    std::fill_n(pixel_of(patch, y, labels), patch.across.count, label);
  }
}

void Labeller::write(const Patch& patch, const Contest& contest, Label* labels) const {
  for (int y = 0; y < patch.down.count; ++y) {
    const RunLabels& winners = contest.winners(y);
    Label* out = pixel_of(patch, y, labels);
    for (int x = 0; x < patch.across.count; ++x) {
      out[x] = static_cast<Label>(winners[static_cast<std::size_t>(x)]);
    }
  }
}

Label* Labeller::pixel_of(const Patch& patch, int y, Label* labels) const {
  return labels + static_cast<std::size_t>(patch.down.start + y) * label_width_ +
         static_cast<std::size_t>(patch.across.start);
}

}  // namespace topformer
