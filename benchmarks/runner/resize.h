// A picture at another size: Pillow's bilinear filter in its whole numbers, rows first, as
// `topformer.images.resize` takes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace topformer {

struct PictureSize {
  int height = 0;
  int width = 0;

  std::size_t pixels() const {
    return static_cast<std::size_t>(height) * static_cast<std::size_t>(width);
  }
  bool operator==(const PictureSize& other) const {
    return height == other.height && width == other.width;
  }
};

// What each pixel along one side takes from the pixels before.
struct ResizeAxis {
  ResizeAxis(int from, int to);

  // The most pixels that one takes from.
  int most;
  // Per pixel, the first one that it takes from, and how many.
  std::vector<int> first;
  std::vector<int> count;
  // [pixel * most + i]: the share of number `first + i`, times 2^22.
  std::vector<std::int32_t> shares;
};

class Resizer {
 public:
  Resizer(const PictureSize& from, const PictureSize& to);

  // RGB [H, W, 3] -> RGB [h, w, 3].
  void resize(const std::uint8_t* picture, std::uint8_t* resized);

 private:
  std::uint8_t* recent(int row);
  void resize_row(const std::uint8_t* row, std::uint8_t* resized) const;

  PictureSize from_;
  PictureSize to_;
  ResizeAxis across_;
  ResizeAxis down_;
  // The rows, resized along, that the next output takes from; row `y` is in place `y % down_.most`.
  std::vector<std::uint8_t> recent_;
  std::vector<std::int32_t> sums_;
};

}  // namespace topformer
