// ExecuTorch's log, kept for the report of a failure instead of printed.
#pragma once

#include <string>

namespace topformer {

// From here on ExecuTorch logs into memory, and its aborts are reported like other errors.
void keep_log();

// The latest errors it logged, oldest first; empty when there were none.
std::string last_log_errors();

}  // namespace topformer
