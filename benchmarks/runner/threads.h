// The thread pool that ExecuTorch and XNNPACK share.
#pragma once

namespace topformer {

// Sets the pool's size; only before a file is loaded, or it may hang. Raises RunnerError.
void set_threads(int threads);

}  // namespace topformer
