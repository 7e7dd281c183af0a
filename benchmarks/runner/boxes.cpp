#include "boxes.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "errors.h"
#include "limits.h"

namespace topformer {
namespace {

// How many classes the outputs speak of. Raises RunnerError where they are not a detector's.
std::size_t count_classes(const DetectionOptions& options, const std::vector<MapShape>& outputs,
                          const PictureSize& input) {
  const std::size_t levels = options.levels.size();
  const auto fits = [&](std::size_t output, int numbers) {
    const AnchorLevel& level = options.levels[output % levels];
    const auto places = [&level](int side) { return (side + level.stride - 1) / level.stride; };
    const int channels = static_cast<int>(level.anchors.size()) * numbers;
    return outputs[output] == MapShape{channels, places(input.height), places(input.width)};
  };
  const int anchors = static_cast<int>(options.levels[0].anchors.size());
  const int classes = outputs.empty() ? 0 : outputs[0].channels / anchors;
  bool all_fit = classes > 0 && classes <= kMostClasses && outputs.size() == 2 * levels;
  for (std::size_t output = 0; all_fit && output < outputs.size(); ++output) {
    all_fit = fits(output, output < levels ? classes : 4);
  }
  if (!all_fit) {
    throw RunnerError("model-shape", "The outputs are not those of a detector with such levels.",
                      "There must be class logits, then box offsets, of each level of anchors.");
  }
  return static_cast<std::size_t>(classes);
}

// NaN stays what it is.
float cut(float value, float limit) {
  if (value < 0.0F) return 0.0F;
  return value > limit ? limit : value;
}

// In double precision and rounded once, as in Python: every C library gives the same bits.
float rounded_exp(float value) {
  return static_cast<float>(std::exp(static_cast<double>(value)));
}

float area(const BoxSides& box) { return (box[2] - box[0]) * (box[3] - box[1]); }

// 0 where neither has an area.
float intersection_over_union(const BoxSides& one, const BoxSides& other) {
  const float width = std::min(one[2], other[2]) - std::max(one[0], other[0]);
  const float height = std::min(one[3], other[3]) - std::max(one[1], other[1]);
  const float shared = std::max(width, 0.0F) * std::max(height, 0.0F);
  const float together = area(one) + area(other) - shared;
  return together > 0.0F ? shared / together : 0.0F;
}

}  // namespace

BoxFinder::BoxFinder(const DetectionOptions& options, const std::vector<MapShape>& outputs,
                     const PictureSize& input)
    : options_(options),
      classes_(count_classes(options, outputs, input)),
      right_(static_cast<float>(input.width)),
      bottom_(static_cast<float>(input.height)) {
  const std::size_t levels = options.levels.size();
  shapes_.assign(outputs.begin(), outputs.begin() + static_cast<std::ptrdiff_t>(levels));
  for (const MapShape& shape : shapes_) {
    finders_.emplace_back(shape, options.score_threshold, options.candidates_per_level);
  }
  candidates_.reserve(levels * static_cast<std::size_t>(options.candidates_per_level));
  decoded_.reserve(candidates_.capacity());
  boxes_.reserve(static_cast<std::size_t>(options.most_boxes));
}

const std::vector<Box>& BoxFinder::find(const std::vector<const float*>& outputs) {
  gather(outputs);
  decoded_.clear();
  const std::size_t levels = finders_.size();
  for (const Candidate& candidate : candidates_) {
    decoded_.push_back(decode(candidate, outputs[levels + candidate.level]));
    const BoxSides& sides = decoded_.back().sides;
    if (std::any_of(sides.begin(), sides.end(), [](float side) { return std::isnan(side); })) {
      throw RunnerError("model-output", "The model computes a box whose sides are no numbers.",
                        "Some of its outputs are NaN.");
    }
  }
  boxes_.clear();
  for (const Box& box : decoded_) {
    if (is_covered(box)) continue;
    boxes_.push_back(box);
    if (boxes_.size() == static_cast<std::size_t>(options_.most_boxes)) break;
  }
  return boxes_;
}

// The candidates of all levels, the likeliest first; equal ones by level and place.
void BoxFinder::gather(const std::vector<const float*>& outputs) {
  candidates_.clear();
  for (std::size_t level = 0; level < finders_.size(); ++level) {
    for (const Place& place : finders_[level].find(outputs[level])) {
      candidates_.push_back({place, static_cast<std::uint32_t>(level),
                             static_cast<std::uint32_t>(candidates_.size())});
    }
  }
  std::sort(candidates_.begin(), candidates_.end(), [](const Candidate& a, const Candidate& b) {
    return a.place.score > b.place.score ||
           (a.place.score == b.place.score && a.order < b.order);
  });
}

Box BoxFinder::decode(const Candidate& candidate, const float* offsets) const {
  const AnchorLevel& level = options_.levels[candidate.level];
  const MapShape& shape = shapes_[candidate.level];
  const auto channels = static_cast<std::size_t>(shape.channels);
  const std::size_t place = candidate.place.position / channels;
  const std::size_t channel = candidate.place.position % channels;
  const std::size_t number = channel / classes_;
  const BoxSides& anchor = level.anchors[number];
  const auto stride = static_cast<float>(level.stride);
  const float steps[] = {static_cast<float>(place % static_cast<std::size_t>(shape.width)),
                         static_cast<float>(place / static_cast<std::size_t>(shape.width))};
  const float limits[] = {right_, bottom_};
  Box box{};
  for (std::size_t axis = 0; axis < 2; ++axis) {
    const float* own = offsets + (4 * number + axis) * shape.plane() + place;
    const float move = own[0];
    const float log_scale = own[2 * shape.plane()];
    const float start = anchor[axis] + steps[axis] * stride;
    const float end = anchor[axis + 2] + steps[axis] * stride;
    const float extent = end - start;
    const float centre = (start + 0.5F * extent) + move * extent;
    const float most = options_.largest_log_scale;
    const float half = 0.5F * rounded_exp(log_scale > most ? most : log_scale) * extent;
    box.sides[axis] = cut(centre - half, limits[axis]);
    box.sides[axis + 2] = cut(centre + half, limits[axis]);
  }
  box.score = candidate.place.score;
  box.label = static_cast<std::uint32_t>(channel % classes_);
  return box;
}

// Whether a better one of its class is in its place.
bool BoxFinder::is_covered(const Box& box) const {
  return std::any_of(boxes_.begin(), boxes_.end(), [&](const Box& better) {
    return better.label == box.label &&
           intersection_over_union(box.sides, better.sides) > options_.nms_iou;
  });
}

}  // namespace topformer
