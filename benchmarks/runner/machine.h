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

// Where a run has got to.
enum class Stage { kStarted = 0, kPreprocessed = 1, kExecuted = 2, kPostprocessed = 3 };

// Tells an emulator that counts instructions where a run has got to, by a system call that it looks
// out for and that every kernel refuses without doing anything.
void mark_stage(Stage stage);

}  // namespace topformer
