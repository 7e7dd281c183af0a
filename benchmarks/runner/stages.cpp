#include "stages.h"

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "files.h"
#include "limits.h"
#include "machine.h"
#include "preprocess.h"
#include "report.h"
#include "sha256.h"
#include "task.h"

namespace topformer {
namespace {

// "150x56x56,4x7x7": channels, height and width of each output.
std::vector<MapShape> take_shapes(Arguments& arguments) {
  const std::string text = arguments.take_text("shapes");
  std::vector<MapShape> shapes;
  std::int64_t numbers = 0;
  for (const std::string& shape : split(text, ',')) {
    std::vector<int> sizes;
    for (const std::string& size : split(shape, 'x')) {
      sizes.push_back(parse_number(size, 1, kMostOutputNumbers).value_or(0));
    }
    const bool fits = sizes.size() == 3 && sizes[0] > 0 && sizes[1] > 0 && sizes[2] > 0 &&
                      sizes[1] <= kMostSidePixels && sizes[2] <= kMostSidePixels;
    if (fits) numbers += std::int64_t{sizes[0]} * sizes[1] * sizes[2];
    if (!fits || numbers > kMostOutputNumbers || shapes.size() == kMostOutputs) {
      throw wrong_option("shapes", text, "It takes CHANNELSxHEIGHTxWIDTH of each output.");
    }
    shapes.push_back({sizes[0], sizes[1], sizes[2]});
  }
  return shapes;
}

}  // namespace

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

void postprocess_outputs(Arguments& arguments) {
  const std::string outputs_path = arguments.take_text("outputs");
  const std::vector<MapShape> shapes = take_shapes(arguments);
  PictureSize input;
  input.height = arguments.take_number("height", 1, kMostSidePixels);
  input.width = arguments.take_number("width", 1, kMostSidePixels);
  const TaskOptions options = TaskOptions::take(arguments);
  const int samples = arguments.take_number("samples", 1, kMostRuns);
  const std::string result_path = arguments.take_text("write-result");
  arguments.refuse_rest();

  std::size_t count = 0;
  for (const MapShape& shape : shapes) count += shape.count();
  const auto bytes = read_exactly(outputs_path, count * sizeof(float));
  std::vector<float> numbers(count);
  std::memcpy(numbers.data(), bytes.data(), bytes.size());
  std::vector<const float*> outputs;
  const float* next = numbers.data();
  for (const MapShape& shape : shapes) {
    outputs.push_back(next);
    next += shape.count();
  }
  const std::unique_ptr<Task> task = make_task(options, shapes, input);
  JsonWriter document = begin_document("topformer.runner-postprocess/1");
  document.key("postprocess_ns").begin_array();
  for (int sample = 0; sample < samples; ++sample) {
    const std::int64_t start = monotonic_ns();
    task->postprocess(outputs);
    document.value(monotonic_ns() - start);
  }
  document.end_array();
  const Result result = task->result();
  write_whole(result_path, result.data, result.size_bytes);
  print_document(document.field("result_sha256", sha256(result.data, result.size_bytes)));
}

}  // namespace topformer
