// The largest numbers that the runner takes; the toolchain's own limits in Python are no larger.
#pragma once

namespace topformer {

inline constexpr int kMostSidePixels = 4096;
// Of a picture before it is resized.
inline constexpr int kMostPictureSidePixels = 32768;
inline constexpr int kMostClasses = 65535;  // labels have 16 bits
inline constexpr int kMostThreads = 1024;
inline constexpr int kMostRuns = 100'000;

}  // namespace topformer
