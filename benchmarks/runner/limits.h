// The largest numbers that the runner takes; the toolchain's own limits in Python are no larger.
#pragma once

namespace topformer {

inline constexpr int kMostSidePixels = 4096;
// Of a picture before it is resized.
inline constexpr int kMostPictureSidePixels = 32768;
// Of a channel, as the manifest has it.
inline constexpr float kLeastDeviation = 1e-6F;
inline constexpr int kMostClasses = 65535;  // labels have 16 bits
// Of all outputs together: those of the largest picture and of 65535 classes would not fit into any
// device.
inline constexpr int kMostOutputNumbers = 1 << 28;
inline constexpr int kMostOutputs = 64;
// Of detectors, as the manifest has them.
inline constexpr int kMostStridePixels = 4096;
inline constexpr int kMostLevels = 16;
inline constexpr int kMostAnchors = 64;
inline constexpr double kLargestCoordinate = 1e5;
inline constexpr double kLargestLogScale = 16.0;
inline constexpr int kMostCandidates = 10'000;
inline constexpr int kMostBoxes = 1000;
inline constexpr int kMostThreads = 1024;
// In one answer, which has 4 MiB at most: `LINE_LIMIT_BYTES` in topformer/children.py.
inline constexpr int kMostRuns = 50'000;

}  // namespace topformer
