#include "threads.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include "errors.h"

#if __has_include(<executorch/extension/threadpool/threadpool.h>) && __has_include(<pthreadpool.h>)
#include <executorch/extension/threadpool/threadpool.h>
#else
// The wheels export the pool but do not ship its header. This declares the part that is called: no
// function is virtual and no object is made or copied here, so the members are of no concern.
namespace executorch::extension::threadpool {
class ThreadPool final {
 public:
  std::size_t get_thread_count() const;
  bool _unsafe_reset_threadpool(std::uint32_t num_threads);
};
ThreadPool* get_threadpool();
}  // namespace executorch::extension::threadpool
#endif

namespace topformer {

void set_threads(int threads) {
  using executorch::extension::threadpool::get_threadpool;
  const auto wanted = static_cast<std::uint32_t>(threads);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // "experimental", but there is no other
  auto* pool = get_threadpool();
  const bool is_set = pool != nullptr && (pool->get_thread_count() == wanted ||
                                          pool->_unsafe_reset_threadpool(wanted));
#pragma GCC diagnostic pop
  if (!is_set || get_threadpool()->get_thread_count() != wanted) {
    throw RunnerError("threads-refused",
                      "ExecuTorch does not run on " + std::to_string(threads) + " threads here.");
  }
}

}  // namespace topformer
