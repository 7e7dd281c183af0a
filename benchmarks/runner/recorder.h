// ExecuTorch's record of each operator's time, its ETDump.
#pragma once

#include <executorch/runtime/core/event_tracer.h>

#include <memory>
#include <vector>

namespace topformer {

// To be given to the module. Raises RunnerError where ExecuTorch was built without.
std::unique_ptr<executorch::runtime::EventTracer> make_recorder();

// What a recorder from `make_recorder` has recorded. Raises RunnerError when that is nothing.
std::vector<unsigned char> take_record(executorch::runtime::EventTracer& recorder);

}  // namespace topformer
