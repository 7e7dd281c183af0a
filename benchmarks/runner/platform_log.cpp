#include "platform_log.h"

#include <executorch/runtime/platform/platform.h>
#include <unistd.h>

#include <cstddef>
#include <deque>
#include <mutex>

#include "report.h"

namespace topformer {
namespace {

// The last lines say what went wrong; the first may be thousands.
constexpr std::size_t kKeptLines = 4;
constexpr std::size_t kLineLimitBytes = 300;

struct Log {
  std::mutex mutex;
  std::deque<std::string> errors;
};

Log& log() {
  static Log kept;
  return kept;
}

void keep(et_timestamp_t /*timestamp*/, et_pal_log_level_t level, const char* /*filename*/,
          const char* /*function*/, std::size_t /*line*/, const char* message, std::size_t length) {
  if (level != kError && level != kFatal) return;
  const std::lock_guard<std::mutex> guard(log().mutex);
  log().errors.emplace_back(message, length < kLineLimitBytes ? length : kLineLimitBytes);
  if (log().errors.size() > kKeptLines) log().errors.pop_front();
}

[[noreturn]] void abort_with_report() {
  print_error(RunnerError("aborted", "ExecuTorch gave up.", last_log_errors()));
  ::_exit(1);
}

}  // namespace

void keep_log() {
  executorch::runtime::PalImpl platform{};
  platform.abort = abort_with_report;
  platform.emit_log_message = keep;
  platform.source_filename = __FILE__;
  executorch::runtime::register_pal(platform);
}

std::string last_log_errors() {
  const std::lock_guard<std::mutex> guard(log().mutex);
  std::string text;
  for (const std::string& line : log().errors) text += (text.empty() ? "" : "; ") + line;
  return text;
}

}  // namespace topformer
