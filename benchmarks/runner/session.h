// A model, a picture and the way from one to the result, timed part by part.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "arguments.h"
#include "json.h"
#include "machine.h"
#include "model.h"
#include "preprocess.h"
#include "task.h"

namespace topformer {

struct RunTimes {
  std::int64_t preprocess_ns = 0;
  std::int64_t execute_ns = 0;
  std::int64_t postprocess_ns = 0;
};

struct SessionOptions {
  // Takes the options that every session needs.
  static SessionOptions take(Arguments& arguments);

  ModelOptions model;
  InputOptions input;
  TaskOptions task;
  int warmups = 0;
  // For emulators that count instructions; see mark_stage.
  bool mark_stages = false;
};

class Session {
 public:
  // Opens everything, runs once cold and then warms up. Raises RunnerError.
  explicit Session(const SessionOptions& options);

  std::vector<RunTimes> run(int count);

  // What it took to open, and what came out of the last run.
  void describe(JsonWriter& document) const;

  void write_outputs(const std::string& path) const;
  void write_result(const std::string& path) const;
  void write_profile(const std::string& path);

 private:
  RunTimes run_once();
  void mark(Stage stage) const;

  SessionOptions options_;
  std::vector<std::uint8_t> picture_;  // RGB [H, W, 3]
  Preprocessor preprocessor_;
  std::int64_t load_start_ns_;
  Model model_;
  std::int64_t load_ns_;
  std::unique_ptr<Task> task_;
  RunTimes first_;
  std::vector<RunTimes> warmups_;
};

void write_times(JsonWriter& document, const std::string& name, const std::vector<RunTimes>& runs);

}  // namespace topformer
