#include "task.h"

#include <string>

#include "arguments.h"
#include "boxes.h"
#include "errors.h"
#include "labels.h"
#include "limits.h"

namespace topformer {
namespace {

constexpr const char* kSegmentation = "semantic-segmentation";
constexpr const char* kDetection = "object-detection";

class Segmentation : public Task {
 public:
  Segmentation(const MapShape& logits, const PictureSize& input)
      : labeller_(logits, input.height, input.width), labels_(input.pixels()) {}

  void postprocess(const std::vector<const float*>& outputs) override {
    labeller_.label(outputs[0], labels_.data());
  }

  Result result() const override { return {labels_.data(), labels_.size() * sizeof(Label)}; }

 private:
  Labeller labeller_;
  std::vector<Label> labels_;  // [h, w]
};

class Detection : public Task {
 public:
  Detection(const DetectionOptions& options, const std::vector<MapShape>& outputs,
            const PictureSize& input)
      : finder_(options, outputs, input) {}

  void postprocess(const std::vector<const float*>& outputs) override {
    boxes_ = &finder_.find(outputs);
  }

  Result result() const override {
    if (boxes_ == nullptr) return {nullptr, 0};
    return {boxes_->data(), boxes_->size() * sizeof(Box)};
  }

 private:
  BoxFinder finder_;
  const std::vector<Box>* boxes_ = nullptr;
};

}  // namespace

TaskOptions TaskOptions::take(Arguments& arguments) {
  TaskOptions options;
  const std::string name = arguments.take_optional_text("task");
  if (name == kDetection) {
    options.detection = DetectionOptions::take(arguments);
  } else if (!name.empty() && name != kSegmentation) {
    throw usage_error("The runner knows no task called " + name + ".",
                      std::string("It knows ") + kSegmentation + " and " + kDetection + ".");
  }
  return options;
}

std::unique_ptr<Task> make_task(const TaskOptions& options, const std::vector<MapShape>& outputs,
                                const PictureSize& input) {
  if (options.detection) return std::make_unique<Detection>(*options.detection, outputs, input);
  if (outputs.size() != 1 || outputs[0].channels > kMostClasses ||
      outputs[0].height > kMostSidePixels || outputs[0].width > kMostSidePixels) {
    throw RunnerError("model-shape", "The model does not return logits.",
                      "It must return one tensor [1, classes, height, width].");
  }
  return std::make_unique<Segmentation>(outputs[0], input);
}

}  // namespace topformer
