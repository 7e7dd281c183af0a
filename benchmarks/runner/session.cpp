#include "session.h"

#include "build_facts.h"
#include "files.h"
#include "limits.h"
#include "sha256.h"

namespace topformer {
namespace {

void write_run(JsonWriter& document, const RunTimes& run) {
  document.begin_array()
      .value(run.preprocess_ns)
      .value(run.execute_ns)
      .value(run.postprocess_ns)
      .end_array();
}

}  // namespace

void write_times(JsonWriter& document, const std::string& name, const std::vector<RunTimes>& runs) {
  document.key(name).begin_array();
  for (const RunTimes& run : runs) write_run(document, run);
  document.end_array();
}

SessionOptions SessionOptions::take(Arguments& arguments) {
  SessionOptions options;
  options.model.path = arguments.take_text("model");
  options.model.threads = arguments.take_number("threads", 1, kMostThreads);
  options.input = InputOptions::take(arguments);
  options.model.input = options.input.size;
  options.task = TaskOptions::take(arguments);
  options.warmups = arguments.take_number("warmups", 0, kMostRuns);
  options.mark_stages = arguments.take_switch("mark-stages");
  return options;
}

// The members are made in the order of their declaration, so the clock runs around the model alone.
Session::Session(const SessionOptions& options)
    : options_(options),
      picture_(options.input.read_picture()),
      preprocessor_(options.input),
      load_start_ns_(monotonic_ns()),
      model_(options.model),
      load_ns_(monotonic_ns() - load_start_ns_),
      task_(make_task(options.task, model_.output_shapes(), options.input.size)) {
  first_ = run_once();
  warmups_ = run(options.warmups);
}

void Session::mark(Stage stage) const {
  if (options_.mark_stages) mark_stage(stage);
}

RunTimes Session::run_once() {
  mark(Stage::kStarted);
  const std::int64_t start = monotonic_ns();
  preprocessor_.run(picture_.data(), model_.input());
  const std::int64_t preprocessed = monotonic_ns();
  mark(Stage::kPreprocessed);
  model_.run();
  const std::int64_t executed = monotonic_ns();
  mark(Stage::kExecuted);
  task_->postprocess(model_.outputs());
  const std::int64_t postprocessed = monotonic_ns();
  mark(Stage::kPostprocessed);
  return {preprocessed - start, executed - preprocessed, postprocessed - executed};
}

std::vector<RunTimes> Session::run(int count) {
  std::vector<RunTimes> runs(static_cast<std::size_t>(count));
  for (RunTimes& run : runs) run = run_once();
  return runs;
}

void Session::describe(JsonWriter& document) const {
  const std::vector<MapShape>& shapes = model_.output_shapes();
  const Result result = task_->result();
  Sha256 outputs;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    outputs.update(model_.outputs()[i], shapes[i].count() * sizeof(float));
  }
  write_build(document);
  document.key("picture")
      .begin_object()
      .field("height", std::int64_t{options_.input.picture.height})
      .field("width", std::int64_t{options_.input.picture.width})
      .end_object()
      .field("runtime_version", executorch_version())
      .field("model_sha256", model_.sha256())
      .field("threads", std::int64_t{options_.model.threads})
      .field("profiled", options_.model.profile)
      .field("load_ns", load_ns_)
      .key("output_shapes")
      .begin_array();
  for (const MapShape& shape : shapes) {
    document.begin_array().value(std::int64_t{1});
    for (const int size : {shape.channels, shape.height, shape.width}) {
      document.value(std::int64_t{size});
    }
    document.end_array();
  }
  document.end_array()
      .field("outputs_sha256", outputs.finish())
      .field("result_sha256", sha256(result.data, result.size_bytes))
      .key("first");
  write_run(document, first_);
  write_times(document, "warmups", warmups_);
}

void Session::write_outputs(const std::string& path) const {
  std::vector<float> numbers;
  for (std::size_t i = 0; i < model_.outputs().size(); ++i) {
    const float* output = model_.outputs()[i];
    numbers.insert(numbers.end(), output, output + model_.output_shapes()[i].count());
  }
  write_whole(path, numbers.data(), numbers.size() * sizeof(float));
}

void Session::write_result(const std::string& path) const {
  const Result result = task_->result();
  write_whole(path, result.data, result.size_bytes);
}

void Session::write_profile(const std::string& path) {
  const auto profile = model_.take_profile();
  write_whole(path, profile.data(), profile.size());
}

}  // namespace topformer
