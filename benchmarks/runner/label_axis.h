// How the pixels along one side of the labels lie between the logits of that side.
#pragma once

#include <array>
#include <vector>

namespace topformer {

// Pixels are interpolated in runs of this many, a constant, so that the loops over them vectorise.
inline constexpr int kRunPixels = 8;

// Up to kRunPixels neighbouring pixels within one cell, the space between two neighbouring logits.
struct PixelRun {
  int start = 0;
  int count = 0;
  // The two logits.
  int first = 0;
  int second = 0;
  // The weight of the second logit on each pixel; beyond `count` the last one is repeated.
  std::array<float, kRunPixels> shares{};
};

// Neighbouring runs.
struct PixelRuns {
  const PixelRun* first;
  const PixelRun* last;

  const PixelRun* begin() const { return first; }
  const PixelRun* end() const { return last; }
};

struct LabelAxis {
  LabelAxis(int logits, int pixels);

  // Of one cell, perhaps none.
  PixelRuns runs_of(int cell) const {
    const int* starts = cell_starts.data() + cell;
    return {runs.data() + starts[0], runs.data() + starts[1]};
  }

  // In the order of the pixels.
  std::vector<PixelRun> runs;
  // Cell `i` has runs[cell_starts[i]] up to, but not with, runs[cell_starts[i + 1]].
  std::vector<int> cell_starts;
};

}  // namespace topformer
