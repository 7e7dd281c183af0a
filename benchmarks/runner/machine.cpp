#include "machine.h"

#include <sys/resource.h>
#include <time.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include <fstream>
#include <sstream>
#include <string>

namespace topformer {
namespace {

std::int64_t read_clock_ns(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

std::int64_t monotonic_ns() { return read_clock_ns(CLOCK_MONOTONIC); }

std::int64_t process_cpu_ns() { return read_clock_ns(CLOCK_PROCESS_CPUTIME_ID); }

void mark_stage(Stage stage) {
#if defined(__linux__)
  constexpr int kTopf = 0x746f7066;  // no option of prctl's: "topf"
  prctl(kTopf, static_cast<unsigned long>(stage), 0UL, 0UL, 0UL);
#else
  static_cast<void>(stage);
#endif
}

std::int64_t peak_memory_bytes() {
  // Linux hands the parent's peak to its child's getrusage, but not to this figure.
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) != 0) continue;
    std::int64_t kibibytes = 0;
    std::istringstream(line.substr(6)) >> kibibytes;
    if (kibibytes > 0) return kibibytes * 1024;
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
#if defined(__APPLE__)
  return usage.ru_maxrss;
#else
  return std::int64_t{usage.ru_maxrss} * 1024;
#endif
}

}  // namespace topformer
