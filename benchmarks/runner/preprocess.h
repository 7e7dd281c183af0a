// From the pixels of a picture to the network's input tensor: topformer/preprocess.py in C++.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "resize.h"

namespace topformer {

class Arguments;

using ChannelTriple = std::array<float, 3>;

struct InputOptions {
  // Takes the options of a picture and of what becomes of it.
  static InputOptions take(Arguments& arguments);

  // RGB [H, W, 3].
  std::vector<std::uint8_t> read_picture() const;

  std::string picture_path;
  PictureSize picture;
  // Of the network's input.
  PictureSize size;
  ChannelTriple mean{};
  ChannelTriple std{};
};

class Preprocessor {
 public:
  explicit Preprocessor(const InputOptions& options);

  // RGB [H, W, 3] -> float32 [3, h, w].
  void run(const std::uint8_t* picture, float* tensor);

 private:
  void normalise(const std::uint8_t* picture, float* tensor) const;

  std::size_t pixels_;
  // None where the picture has the network's size.
  std::optional<Resizer> resizer_;
  std::vector<std::uint8_t> resized_;
  // A pixel has 256 values, so (value - mean) / std is computed 256 times a channel and then looked
  // up: the same bits as Python's, whatever the compiler does, and no division in the loop.
  std::array<std::array<float, 256>, 3> values_{};
};

}  // namespace topformer
