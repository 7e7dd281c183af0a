// The likeliest objects of one level of a detector: at which place, for which anchor and class.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "map_shape.h"

namespace topformer {

struct Place {
  // The sigmoid of a logit.
  float score;
  // Of the logit, counted row by row, column by column, and then by channel: by anchor and class.
  std::uint32_t position;
};

// Finds places in logits of one shape, again and again; not from two threads at once.
class PlaceFinder {
 public:
  // Scores must be above `threshold`, and only so many of the best are found.
  PlaceFinder(const MapShape& logits, double threshold, int most);

  // Logits [c, h, w] -> the likeliest first; equal ones by position. They live until the next call.
  const std::vector<Place>& find(const float* logits);

 private:
  void consider(const float* logits, std::size_t index);
  void keep_best();

  MapShape shape_;
  float threshold_;
  std::size_t most_;
  // No logit that is not above it can be found: while only the threshold says so, and now.
  float first_floor_;
  float floor_;
  std::vector<Place> found_;
};

}  // namespace topformer
