// One .pte in ExecuTorch: picture tensor in, outputs out.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "map_shape.h"
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

  const std::vector<MapShape>& output_shapes() const { return output_shapes_; }

  // Float32 [1, 3, h, w], to be filled before each run.
  float* input() { return input_.data(); }

  // Runs the network. Raises RunnerError.
  void run();

  // Of the last run, each [c, h, w]; they live until the next.
  const std::vector<const float*>& outputs() const { return outputs_; }

  // What was recorded, as ExecuTorch's ETDump.
  std::vector<unsigned char> take_profile();

  // Of the very bytes that were loaded, hashed where they are mapped.
  std::string sha256() const;

 private:
  struct Loaded;  // keeps ExecuTorch's headers out of this one

  void check_input(const PictureSize& size) const;
  std::vector<MapShape> read_output_shapes() const;

  std::vector<float> input_;
  std::unique_ptr<Loaded> loaded_;
  std::vector<MapShape> output_shapes_;
  std::vector<const float*> outputs_;
};

}  // namespace topformer
