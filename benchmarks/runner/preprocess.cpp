#include "preprocess.h"

#include <cmath>

#include "arguments.h"
#include "files.h"
#include "limits.h"

namespace topformer {

InputOptions InputOptions::take(Arguments& arguments) {
  InputOptions options;
  options.picture_path = arguments.take_text("picture");
  options.size.height = arguments.take_number("height", 1, kMostSidePixels);
  options.size.width = arguments.take_number("width", 1, kMostSidePixels);
  const auto take_side = [&arguments](const std::string& name, int side) {
    return arguments.take_optional_number(name, 1, kMostPictureSidePixels).value_or(side);
  };
  options.picture.height = take_side("picture-height", options.size.height);
  options.picture.width = take_side("picture-width", options.size.width);
  options.mean = arguments.take_triple("mean");
  options.std = arguments.take_triple("std");
  for (const float deviation : options.std) {
    if (std::fabs(deviation) < kLeastDeviation) {
      throw usage_error("The option --std has a deviation of next to nothing.",
                        "Pixels are divided by it.");
    }
  }
  return options;
}

std::vector<std::uint8_t> InputOptions::read_picture() const {
  return read_exactly(picture_path, 3 * picture.pixels());
}

Preprocessor::Preprocessor(const InputOptions& options) : pixels_(options.size.pixels()) {
  if (!(options.picture == options.size)) {
    resizer_.emplace(options.picture, options.size);
    resized_.resize(3 * pixels_);
  }
  for (std::size_t channel = 0; channel < 3; ++channel) {
    for (std::size_t value = 0; value < 256; ++value) {
      // Two operations in float32, each rounded: CMakeLists.txt forbids to fuse them.
      const float centred = static_cast<float>(value) - options.mean[channel];
      values_[channel][value] = centred / options.std[channel];
    }
  }
}

void Preprocessor::run(const std::uint8_t* picture, float* tensor) {
  if (!resizer_) return normalise(picture, tensor);
  resizer_->resize(picture, resized_.data());
  normalise(resized_.data(), tensor);
}

void Preprocessor::normalise(const std::uint8_t* picture, float* tensor) const {
  float* red = tensor;
  float* green = tensor + pixels_;
  float* blue = tensor + 2 * pixels_;
  for (std::size_t pixel = 0; pixel < pixels_; ++pixel) {
    red[pixel] = values_[0][picture[3 * pixel]];
    green[pixel] = values_[1][picture[3 * pixel + 1]];
    blue[pixel] = values_[2][picture[3 * pixel + 2]];
  }
}

}  // namespace topformer
