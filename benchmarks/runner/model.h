// One .pte in ExecuTorch: picture tensor in, logits out.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "contest.h"
#include "resize.h"

namespace topformer {

struct ModelOptions {
  std::string path;
  int threads = 1;
  // What the file must take.
  PictureSize input;
  // Whether each run is recorded, operator by operator, which takes time.
  bool profile = false;
};

class Model {
 public:
  // Sets the threads, then maps, verifies and loads the file. Raises RunnerError.
  explicit Model(const ModelOptions& options);
  ~Model();

  const LogitsShape& logits_shape() const { return logits_shape_; }

  // Float32 [1, 3, h, w], to be filled before each run.
  float* input() { return input_.data(); }

  // Runs the network; the logits [1, c, h/8, w/8] live until the next run. Raises RunnerError.
  const float* run();

  // What was recorded, as ExecuTorch's ETDump.
  std::vector<unsigned char> take_profile();

  // Of the very bytes that were loaded, hashed where they are mapped.
  std::string sha256() const;

 private:
  struct Loaded;  // keeps ExecuTorch's headers out of this one

  void check_input(const PictureSize& size) const;
  LogitsShape read_logits_shape() const;

  std::vector<float> input_;
  std::unique_ptr<Loaded> loaded_;
  LogitsShape logits_shape_;
};

}  // namespace topformer
