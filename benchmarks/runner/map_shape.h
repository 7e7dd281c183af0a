// The shape of one of the network's outputs, [1, channels, height, width]: a map for each channel.
#pragma once

#include <cstddef>

namespace topformer {

struct MapShape {
  int channels = 0;
  int height = 0;
  int width = 0;

  std::size_t plane() const {
    return static_cast<std::size_t>(height) * static_cast<std::size_t>(width);
  }
  std::size_t count() const { return static_cast<std::size_t>(channels) * plane(); }
};

inline bool operator==(const MapShape& one, const MapShape& other) {
  return one.channels == other.channels && one.height == other.height && one.width == other.width;
}

}  // namespace topformer
