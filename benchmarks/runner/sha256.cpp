#include "sha256.h"

#include <algorithm>
#include <cstring>

namespace topformer {
namespace {

using Word = std::uint32_t;

constexpr std::array<Word, 64> kRound = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

Word rotate(Word value, int bits) { return (value >> bits) | (value << (32 - bits)); }

}  // namespace

void Sha256::add_block(const unsigned char* block) {
  std::array<Word, 64> w{};
  for (int i = 0; i < 16; ++i) {
    w[i] = Word{block[4 * i]} << 24 | Word{block[4 * i + 1]} << 16 | Word{block[4 * i + 2]} << 8 |
           Word{block[4 * i + 3]};
  }
  for (int i = 16; i < 64; ++i) {
    const Word s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ (w[i - 15] >> 3);
    const Word s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ (w[i - 2] >> 10);
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  auto [a, b, c, d, e, f, g, h] = state_;
  for (int i = 0; i < 64; ++i) {
    const Word s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const Word t1 = h + s1 + ((e & f) ^ (~e & g)) + kRound[i] + w[i];
    const Word s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const Word t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
  }
  const std::array<Word, 8> added = {a, b, c, d, e, f, g, h};
  for (int i = 0; i < 8; ++i) state_[i] += added[i];
}

void Sha256::update(const void* data, std::size_t size_bytes) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  while (size_bytes > 0) {
    const std::size_t filled = size_bytes_ % kBlockBytes;
    const std::size_t taken = std::min(size_bytes, kBlockBytes - filled);
    if (taken == kBlockBytes) {
      add_block(bytes);
    } else {
      std::memcpy(pending_.data() + filled, bytes, taken);
      if (filled + taken == kBlockBytes) add_block(pending_.data());
    }
    size_bytes_ += taken;
    bytes += taken;
    size_bytes -= taken;
  }
}

std::string Sha256::finish() {
  // A one bit, zeros until eight bytes are left in a block, and the length in bits.
  const std::uint64_t bits = size_bytes_ * 8;
  const std::array<unsigned char, kBlockBytes> zeros{};
  const unsigned char one = 0x80;
  update(&one, 1);
  update(zeros.data(), (2 * kBlockBytes - 8 - size_bytes_ % kBlockBytes) % kBlockBytes);
  std::array<unsigned char, 8> length;
  for (int i = 0; i < 8; ++i) length[7 - i] = static_cast<unsigned char>(bits >> (8 * i));
  update(length.data(), length.size());

  constexpr char kHex[] = "0123456789abcdef";
  std::string digest;
  for (const Word word : state_) {
    for (int shift = 28; shift >= 0; shift -= 4) digest += kHex[(word >> shift) & 15];
  }
  return digest;
}

std::string sha256(const void* data, std::size_t size_bytes) {
  Sha256 hash;
  hash.update(data, size_bytes);
  return hash.finish();
}

}  // namespace topformer
