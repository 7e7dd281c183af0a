#include "threads.h"

#include <cstdint>
#include <string>

#include "errors.h"
#include "threadpool.h"

namespace topformer {

void set_threads(int threads) {
  using executorch::extension::threadpool::get_threadpool;
  const auto wanted = static_cast<std::uint32_t>(threads);
  auto* pool = get_threadpool();
  if (pool != nullptr && pool->get_thread_count() != wanted) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // "experimental", but there is no other
    pool->_unsafe_reset_threadpool(wanted);
#pragma GCC diagnostic pop
  }
  // What it returned is not asked: the count says whether it did it.
  if (pool == nullptr || get_threadpool()->get_thread_count() != wanted) {
    throw RunnerError("threads-refused",
                      "ExecuTorch does not run on " + std::to_string(threads) + " threads here.");
  }
}

}  // namespace topformer
