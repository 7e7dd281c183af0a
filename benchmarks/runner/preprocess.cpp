#include "preprocess.h"

namespace topformer {

Normaliser::Normaliser(const ChannelTriple& mean, const ChannelTriple& std) {
  for (std::size_t channel = 0; channel < 3; ++channel) {
    for (std::size_t value = 0; value < 256; ++value) {
      // Two operations in float32, each rounded: CMakeLists.txt forbids to fuse them.
      const float centred = static_cast<float>(value) - mean[channel];
      values_[channel][value] = centred / std[channel];
    }
  }
}

void Normaliser::normalise(const std::uint8_t* picture, std::size_t pixels, float* tensor) const {
  float* red = tensor;
  float* green = tensor + pixels;
  float* blue = tensor + 2 * pixels;
  for (std::size_t pixel = 0; pixel < pixels; ++pixel) {
    red[pixel] = values_[0][picture[3 * pixel]];
    green[pixel] = values_[1][picture[3 * pixel + 1]];
    blue[pixel] = values_[2][picture[3 * pixel + 2]];
  }
}

}  // namespace topformer
