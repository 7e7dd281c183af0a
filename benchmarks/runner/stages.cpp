#include "stages.h"

#include <cstring>
#include <vector>

#include "files.h"
#include "labels.h"
#include "limits.h"
#include "machine.h"
#include "preprocess.h"
#include "report.h"
#include "sha256.h"

namespace topformer {
void preprocess_picture(Arguments& arguments) {
  const InputOptions options = InputOptions::take(arguments);
  const std::string tensor_path = arguments.take_text("write-tensor");
  arguments.refuse_rest();

  const auto picture = options.read_picture();
  std::vector<float> tensor(3 * options.size.pixels());
  Preprocessor(options).run(picture.data(), tensor.data());
  write_whole(tensor_path, tensor.data(), tensor.size() * sizeof(float));
  JsonWriter document = begin_document("topformer.runner-tensor/1");
  print_document(
      document.field("tensor_sha256", sha256(tensor.data(), tensor.size() * sizeof(float))));
}

void postprocess_logits(Arguments& arguments) {
  const std::string logits_path = arguments.take_text("logits");
  LogitsShape shape;
  shape.classes = arguments.take_number("classes", 1, kMostClasses);
  shape.height = arguments.take_number("logits-height", 1, kMostSidePixels);
  shape.width = arguments.take_number("logits-width", 1, kMostSidePixels);
  const int height = arguments.take_number("height", 1, kMostSidePixels);
  const int width = arguments.take_number("width", 1, kMostSidePixels);
  const int samples = arguments.take_number("samples", 1, kMostRuns);
  const std::string result_path = arguments.take_text("write-result");
  arguments.refuse_rest();

  const auto bytes = read_exactly(logits_path, shape.count() * sizeof(float));
  std::vector<float> logits(shape.count());
  std::memcpy(logits.data(), bytes.data(), bytes.size());
  Labeller labeller(shape, height, width);
  std::vector<Label> labels(static_cast<std::size_t>(height) * static_cast<std::size_t>(width));
  JsonWriter document = begin_document("topformer.runner-postprocess/1");
  document.key("postprocess_ns").begin_array();
  for (int sample = 0; sample < samples; ++sample) {
    const std::int64_t start = monotonic_ns();
    labeller.label(logits.data(), labels.data());
    document.value(monotonic_ns() - start);
  }
  document.end_array();
  write_whole(result_path, labels.data(), labels.size() * sizeof(Label));
  print_document(
      document.field("result_sha256", sha256(labels.data(), labels.size() * sizeof(Label))));
}

}  // namespace topformer
