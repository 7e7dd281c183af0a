#include "recorder.h"

#include <cstdlib>

#include "errors.h"

// The wheels have it; ExecuTorch's own build installs its header in some versions only.
#if __has_include(<executorch/devtools/etdump/etdump_flatcc.h>)
#include <executorch/devtools/etdump/etdump_flatcc.h>

namespace topformer {

std::unique_ptr<executorch::runtime::EventTracer> make_recorder() {
  return std::make_unique<executorch::etdump::ETDumpGen>();
}

std::vector<unsigned char> take_record(executorch::runtime::EventTracer& recorder) {
  auto& generator = static_cast<executorch::etdump::ETDumpGen&>(recorder);
  const executorch::etdump::ETDumpResult result = generator.get_etdump_data();
  if (result.buf == nullptr) throw RunnerError("profile-failed", "ExecuTorch recorded no profile.");
  const auto* data = static_cast<const unsigned char*>(result.buf);
  std::vector<unsigned char> record(data, data + result.size);
  std::free(result.buf);
  return record;
}

}  // namespace topformer

#else

namespace topformer {

std::unique_ptr<executorch::runtime::EventTracer> make_recorder() {
  throw RunnerError("profile-unavailable", "This runner cannot record a profile.",
                    "The ExecuTorch it was built with has no ETDump.");
}

std::vector<unsigned char> take_record(executorch::runtime::EventTracer&) { return {}; }

}  // namespace topformer

#endif
