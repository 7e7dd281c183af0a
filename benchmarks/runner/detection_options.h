// How boxes are made of a detector's outputs: the manifest's `detection`, as options.
#pragma once

#include <array>
#include <vector>

namespace topformer {

class Arguments;

// Left, top, right, bottom in pixels.
using BoxSides = std::array<float, 4>;

struct AnchorLevel {
  // Pixels of the input from one place to the next.
  int stride = 1;
  // Around the place at the upper left.
  std::vector<BoxSides> anchors;
};

struct DetectionOptions {
  static DetectionOptions take(Arguments& arguments);

  std::vector<AnchorLevel> levels;
  double score_threshold = 0.0;
  int candidates_per_level = 0;
  float nms_iou = 0.0F;
  int most_boxes = 0;
  float largest_log_scale = 0.0F;
};

}  // namespace topformer
