#include "labels.h"

#include <algorithm>
#include <array>

namespace topformer {
namespace {

// Whether no logit is infinite or NaN.
bool all_finite(const float* logits, std::size_t count) {
  // Zero times anything finite is zero. Several sums at once, for each waits for its last addition.
  std::array<Lanes, 4> sums{};
  constexpr std::size_t kStep = sums.size() * kLanes;
  std::size_t at = 0;
  for (; at + kStep <= count; at += kStep) {
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += load(logits + at + i * kLanes) * 0.0F;
  }
  for (; at < count; ++at) sums[0][0] += logits[at] * 0.0F;
  return !any((sums[0] + sums[1]) + (sums[2] + sums[3]) != 0.0F);
}

}  // namespace

Labeller::Labeller(const MapShape& logits, int label_height, int label_width)
    : shape_(logits),
      rows_(logits.height, label_height),
      columns_(logits.width, label_width),
      label_width_(static_cast<std::size_t>(label_width)),
      candidates_(logits) {}

void Labeller::label(const float* logits, Label* labels) {
  if (!all_finite(logits, shape_.count())) {
    label_everywhere(logits, labels);
    return;
  }
  const int band = candidates_.rows_at_once();
  for (int first = 0; first < shape_.height; first += band) {
    const int rows = std::min(band, shape_.height - first);
    candidates_.search(logits, first, rows);
    for (int row = first; row < first + rows; ++row) {
      for (int column = 0; column < shape_.width; ++column) {
        label_cell(logits, row, column, labels);
      }
    }
  }
}

// A single candidate has won the whole cell; several are interpolated on its pixels.
void Labeller::label_cell(const float* logits, int row, int column, Label* labels) const {
  const Label* classes = candidates_.begin(row, column);
  const int count = candidates_.count(row, column);
  for (const PixelRun& down : rows_.runs_of(row)) {
    for (const PixelRun& across : columns_.runs_of(column)) {
      const Patch patch{down, across};
      if (count == 1) {
        fill(patch, classes[0], labels);
        continue;
      }
      Contest contest(shape_, logits, patch);
      contest.enter_first(classes[0]);
      for (int i = 1; i < count; ++i) contest.enter<Order::kFinite>(classes[i]);
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
      for (int number = 1; number < shape_.channels; ++number) {
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
    Label* out = pixel_of(patch, y, labels);
    for (int x = 0; x < patch.across.count; ++x) {
      out[x] = contest.winner(y, x);
    }
  }
}

Label* Labeller::pixel_of(const Patch& patch, int y, Label* labels) const {
  return labels + static_cast<std::size_t>(patch.down.start + y) * label_width_ +
         static_cast<std::size_t>(patch.across.start);
}

}  // namespace topformer
