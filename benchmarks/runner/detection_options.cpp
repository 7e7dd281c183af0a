#include "detection_options.h"

#include <cmath>
#include <optional>
#include <string>

#include "arguments.h"
#include "limits.h"

namespace topformer {
namespace {

constexpr const char* kLevels = "levels";

RunnerError wrong_levels(const std::string& text) {
  return wrong_option(kLevels, text,
                      "It takes levels separated by semicolons, each of a stride, a colon, and "
                      "four corners for every anchor, separated by commas.");
}

// As in "8:-16,-16,16,16,-20,-20,20,20".
AnchorLevel parse_level(const std::string& text) {
  const std::vector<std::string> sides = split(text, ':');
  if (sides.size() != 2) throw wrong_levels(text);
  const std::optional<int> stride = parse_number(sides[0], 1, kMostStridePixels);
  const std::vector<std::string> numbers = split(sides[1], ',');
  AnchorLevel level;
  const std::size_t corners = BoxSides{}.size();
  if (!stride || numbers.size() % corners != 0 || numbers.size() / corners > kMostAnchors) {
    throw wrong_levels(text);
  }
  level.stride = *stride;
  level.anchors.resize(numbers.size() / corners);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::optional<double> number = parse_decimal(numbers[i]);
    if (!number || std::abs(*number) > kLargestCoordinate) throw wrong_levels(text);
    level.anchors[i / corners][i % corners] = static_cast<float>(*number);
  }
  return level;
}

}  // namespace

DetectionOptions DetectionOptions::take(Arguments& arguments) {
  DetectionOptions options;
  const std::string text = arguments.take_text(kLevels);
  for (const std::string& level : split(text, ';')) options.levels.push_back(parse_level(level));
  if (options.levels.size() > kMostLevels) throw wrong_levels(text);
  options.score_threshold = arguments.take_decimal("score-threshold", 0.0, 1.0);
  options.candidates_per_level = arguments.take_number("candidates-per-level", 1, kMostCandidates);
  options.nms_iou = static_cast<float>(arguments.take_decimal("nms-iou", 0.0, 1.0));
  options.most_boxes = arguments.take_number("most-boxes", 1, kMostBoxes);
  options.largest_log_scale =
      static_cast<float>(arguments.take_decimal("largest-log-scale", 0.0, kLargestLogScale));
  return options;
}

}  // namespace topformer
