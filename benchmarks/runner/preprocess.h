// From the pixels of a picture to the network's input tensor: topformer/preprocess.py in C++.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace topformer {

using ChannelTriple = std::array<float, 3>;

class Normaliser {
 public:
  Normaliser(const ChannelTriple& mean, const ChannelTriple& std);

  // RGB [pixels, 3] -> float32 [3, pixels]. A picture must have the network's input size already.
  void normalise(const std::uint8_t* picture, std::size_t pixels, float* tensor) const;

 private:
  // A pixel has 256 values, so (value - mean) / std is computed 256 times a channel and then looked
  // up: the same bits as Python's, whatever the compiler does, and no division in the loop.
  std::array<std::array<float, 256>, 3> values_{};
};

}  // namespace topformer
