#include "build_facts.h"

// Any header of the C library defines its macros.
#include <cstdlib>

namespace topformer {
namespace {

const char* c_library() {
#if defined(__BIONIC__)
  return "bionic";
#elif defined(__GLIBC__)
  return "glibc";
#else
  return "unknown";
#endif
}

}  // namespace

// CMakeLists.txt sets both, and stops where it does not know them.
const char* executorch_version() { return TOPFORMER_EXECUTORCH_VERSION; }

const char* compiler() {
#ifdef __clang__
  return __VERSION__;
#else
  return "GCC " __VERSION__;
#endif
}

void write_build(JsonWriter& document) {
  document.key("build")
      .begin_object()
      .field("kind", TOPFORMER_BUILD_KIND)
      .field("c_library", c_library())
      .field("compiler", compiler())
      .end_object();
}

}  // namespace topformer
