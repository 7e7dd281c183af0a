// A detector's outputs to boxes: topformer/boxes.py in C++. Both give the same boxes, bit for bit:
// sums and products are written as they are there, and CMakeLists.txt forbids to fuse any.
#pragma once

#include <cstdint>
#include <vector>

#include "detection_options.h"
#include "map_shape.h"
#include "places.h"
#include "resize.h"

namespace topformer {

// An object, as topformer/tasks/detection.py writes one.
struct Box {
  // In pixels of the network's input.
  BoxSides sides;
  float score;
  std::uint32_t label;
};
static_assert(sizeof(Box) == 24, "boxes are written as they lie in memory");

// Makes boxes of outputs of one shape, again and again; not from two threads at once.
class BoxFinder {
 public:
  // `outputs` are class logits of each level, then offsets. Raises RunnerError where they are not
  // such as a detector with these levels has for an input of this size.
  BoxFinder(const DetectionOptions& options, const std::vector<MapShape>& outputs,
            const PictureSize& input);

  // The likeliest first. They live until the next call. Raises RunnerError, as Python does, where a
  // likely one has offsets that are NaN.
  const std::vector<Box>& find(const std::vector<const float*>& outputs);

 private:
  // A place of one level, as the result of all levels.
  struct Candidate {
    Place place;
    std::uint32_t level;
    // By level, and then as found.
    std::uint32_t order;
  };

  void gather(const std::vector<const float*>& outputs);
  Box decode(const Candidate& candidate, const float* offsets) const;
  bool is_covered(const Box& box) const;

  DetectionOptions options_;
  std::vector<MapShape> shapes_;  // of the logits of each level
  std::size_t classes_ = 0;
  // The input's right and lower edge.
  float right_;
  float bottom_;
  std::vector<PlaceFinder> finders_;
  std::vector<Candidate> candidates_;
  std::vector<Box> decoded_;
  std::vector<Box> boxes_;
};

}  // namespace topformer
