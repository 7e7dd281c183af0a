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

struct LabelAxis {
  LabelAxis(int logits, int pixels);

  // In the order of the pixels.
  std::vector<PixelRun> runs;
  // Cell `i` has runs[cell_starts[i]] up to runs[cell_starts[i + 1]], perhaps none.
  std::vector<int> cell_starts;
};

}  // namespace topformer
