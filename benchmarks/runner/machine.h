// What the operating system says of this process.
#pragma once

#include <cstdint>

namespace topformer {

// Of a clock that never goes back.
std::int64_t monotonic_ns();

// Processor time that all threads of this process have had.
std::int64_t process_cpu_ns();

// The most memory this process ever had resident.
std::int64_t peak_memory_bytes();

}  // namespace topformer
