// Four numbers that one instruction works on, in SSE2 as in NEON. These are GCC's vector types,
// which clang has too: both compilers leave the plain loops of this program as loops over single
// numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace topformer {

inline constexpr std::size_t kLanes = 4;

using Lanes = float __attribute__((vector_size(16)));
// -1 where a comparison holds, 0 where it does not; or four whole numbers.
using LaneFlags = std::int32_t __attribute__((vector_size(16)));

inline Lanes load(const float* values) {
  Lanes lanes;
  std::memcpy(&lanes, values, sizeof lanes);
  return lanes;
}

inline void store(float* values, Lanes lanes) { std::memcpy(values, &lanes, sizeof lanes); }

inline Lanes smaller(Lanes a, Lanes b) { return a < b ? a : b; }
inline Lanes larger(Lanes a, Lanes b) { return a > b ? a : b; }

inline bool any(LaneFlags flags) {
  std::uint64_t halves[2];
  std::memcpy(halves, &flags, sizeof halves);
  return (halves[0] | halves[1]) != 0;
}

}  // namespace topformer
