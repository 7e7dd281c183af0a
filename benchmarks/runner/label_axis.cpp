#include "label_axis.h"

#include <algorithm>
#include <cstddef>

namespace topformer {
namespace {

// Where a pixel lies, in logits. torch (aten/src/ATen/native/UpSample.h) multiplies, subtracts and
// rounds once; double precision, rounded at the end, gives the same bits.
float position_of(int pixel, double scale) {
  const double position = scale * (pixel + 0.5) - 0.5;
  return std::max(static_cast<float>(position), 0.0F);
}

}  // namespace

LabelAxis::LabelAxis(int logits, int pixels) : cell_starts(static_cast<std::size_t>(logits) + 1) {
  const double scale = static_cast<float>(logits) / static_cast<float>(pixels);
  std::vector<int> runs_of_cell(static_cast<std::size_t>(logits), 0);
  for (int pixel = 0; pixel < pixels; ++pixel) {
    const float position = position_of(pixel, scale);
    const int cell = std::min(static_cast<int>(position), logits - 1);
    if (runs.empty() || runs.back().first != cell || runs.back().count == kRunPixels) {
      PixelRun run;
      run.start = pixel;
      run.first = cell;
      // Where nothing is to be resized torch reads no neighbour, be it infinite.
      run.second = logits == pixels ? cell : std::min(cell + 1, logits - 1);
      runs.push_back(run);
      ++runs_of_cell[static_cast<std::size_t>(cell)];
    }
    PixelRun& run = runs.back();
    const float share = position - static_cast<float>(cell);
    std::fill(run.shares.begin() + run.count, run.shares.end(), share);
    ++run.count;
  }
  for (std::size_t cell = 0; cell < runs_of_cell.size(); ++cell) {
    cell_starts[cell + 1] = cell_starts[cell] + runs_of_cell[cell];
  }
}

}  // namespace topformer
