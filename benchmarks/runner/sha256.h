// SHA-256 (FIPS 180-4), because the C++ library has none and devices may have no tool for it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace topformer {

class Sha256 {
 public:
  static constexpr std::size_t kBlockBytes = 64;

  void update(const void* data, std::size_t size_bytes);

  // Hex digest of everything so far; nothing may be added after it.
  std::string finish();

 private:
  void add_block(const unsigned char* block);

  std::array<std::uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::uint64_t size_bytes_ = 0;
  std::array<unsigned char, kBlockBytes> pending_{};
};

// Hex digest of `size_bytes` bytes.
std::string sha256(const void* data, std::size_t size_bytes);

}  // namespace topformer
