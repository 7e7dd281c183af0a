// SHA-256 (FIPS 180-4), because the C++ library has none and devices may have no tool for it.
#pragma once

#include <cstddef>
#include <string>

namespace topformer {

// Hex digest of `size_bytes` bytes.
std::string sha256(const void* data, std::size_t size_bytes);

}  // namespace topformer
