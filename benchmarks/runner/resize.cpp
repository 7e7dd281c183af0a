#include "resize.h"

#include <algorithm>
#include <cmath>

namespace topformer {
namespace {

// Source: Pillow, src/libImaging/Resample.c: PRECISION_BITS, of 32 bits 8 for the value, 2 to spare.
constexpr int kPrecisionBits = 22;
constexpr std::int32_t kHalf = 1 << (kPrecisionBits - 1);

// Shares are never negative and sum to 1 but for rounding, which the limit takes care of.
std::uint8_t level(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::min(sum >> kPrecisionBits, 255));
}

}  // namespace

// Source: Pillow, the same file: precompute_coeffs and normalize_coeffs_8bpc.
ResizeAxis::ResizeAxis(int from, int to) {
  const double scale = static_cast<double>(from) / to;
  // A shrinking filter is as much wider as the picture gets smaller.
  const double reach = std::max(scale, 1.0);
  most = static_cast<int>(std::ceil(reach)) * 2 + 1;
  shares.resize(static_cast<std::size_t>(most) * static_cast<std::size_t>(to));
  std::vector<double> weights(static_cast<std::size_t>(most));
  for (int pixel = 0; pixel < to; ++pixel) {
    const double centre = (pixel + 0.5) * scale;
    const int begin = std::max(static_cast<int>(centre - reach + 0.5), 0);
    const int end = std::min(static_cast<int>(centre + reach + 0.5), from);
    double sum = 0.0;
    for (int i = 0; i < end - begin; ++i) {
      const double distance = std::abs((i + begin - centre + 0.5) * (1.0 / reach));
      weights[i] = std::max(1.0 - distance, 0.0);
      sum += weights[i];
    }
    std::int32_t* share = shares.data() + static_cast<std::size_t>(pixel) * most;
    for (int i = 0; i < end - begin; ++i) {
      share[i] = static_cast<std::int32_t>(0.5 + weights[i] / sum * (1 << kPrecisionBits));
    }
    first.push_back(begin);
    count.push_back(end - begin);
  }
}

Resizer::Resizer(const PictureSize& from, const PictureSize& to)
    : from_(from),
      to_(to),
      across_(from.width, to.width),
      down_(from.height, to.height),
      recent_(static_cast<std::size_t>(down_.most) * 3 * static_cast<std::size_t>(to.width)),
      sums_(3 * static_cast<std::size_t>(to.width)) {}

std::uint8_t* Resizer::recent(int row) {
  return recent_.data() + static_cast<std::size_t>(row % down_.most) * sums_.size();
}

void Resizer::resize(const std::uint8_t* picture, std::uint8_t* resized) {
  const std::size_t row_bytes = sums_.size();
  std::int32_t* __restrict sums = sums_.data();
  int rows_done = 0;
  for (int y = 0; y < to_.height; ++y, resized += row_bytes) {
    const int first = down_.first[y];
    const int count = down_.count[y];
    for (; rows_done < first + count; ++rows_done) {
      const std::size_t start = 3 * static_cast<std::size_t>(rows_done) * from_.width;
      resize_row(picture + start, recent(rows_done));
    }
    std::fill(sums_.begin(), sums_.end(), kHalf);
    for (int i = 0; i < count; ++i) {
      const std::int32_t share = down_.shares[static_cast<std::size_t>(y) * down_.most + i];
      const std::uint8_t* __restrict row = recent(first + i);
      for (std::size_t x = 0; x < row_bytes; ++x) sums[x] += row[x] * share;
    }
    for (std::size_t x = 0; x < row_bytes; ++x) resized[x] = level(sums[x]);
  }
}

void Resizer::resize_row(const std::uint8_t* row, std::uint8_t* resized) const {
  for (int x = 0; x < to_.width; ++x) {
    const std::uint8_t* pixel = row + 3 * across_.first[x];
    const std::int32_t* share = across_.shares.data() + static_cast<std::size_t>(x) * across_.most;
    std::int32_t red = kHalf;
    std::int32_t green = kHalf;
    std::int32_t blue = kHalf;
    for (int i = 0; i < across_.count[x]; ++i, pixel += 3) {
      red += pixel[0] * share[i];
      green += pixel[1] * share[i];
      blue += pixel[2] * share[i];
    }
    resized[3 * x] = level(red);
    resized[3 * x + 1] = level(green);
    resized[3 * x + 2] = level(blue);
  }
}

}  // namespace topformer
