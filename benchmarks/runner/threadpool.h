// ExecuTorch's thread pool: by its own header, or declared here. CMakeLists.txt says which.
#pragma once

#if TOPFORMER_HAS_THREADPOOL_HEADER
#include <executorch/extension/threadpool/threadpool.h>
#else
#include <cstddef>
#include <cstdint>

// The wheels export the pool but do not ship its header. This is the part of it that is called, as
// ExecuTorch 1.5 has it: no function is virtual and no object is made or copied here, so the
// members are of no concern. A name in a library tells the types of arguments but not of results,
// so CMakeLists.txt refuses versions that nobody has compared.
namespace executorch::extension::threadpool {
class ThreadPool final {
 public:
  std::size_t get_thread_count() const;
  bool _unsafe_reset_threadpool(std::uint32_t num_threads);
};
ThreadPool* get_threadpool();
}  // namespace executorch::extension::threadpool
#endif
