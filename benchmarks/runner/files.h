// Files in, of the size they must have; and out, whole or not at all.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace topformer {

// Size of a regular file; raises RunnerError for anything else.
std::size_t file_size_bytes(const std::string& path);

// Reads a file that must have exactly `size_bytes` bytes.
std::vector<unsigned char> read_exactly(const std::string& path, std::size_t size_bytes);

// Hex SHA-256 of a file, read in blocks.
std::string sha256_file(const std::string& path);

// Writes beside `path`, flushes to the disk, and only then gives the file its name.
void write_whole(const std::string& path, const void* data, std::size_t size_bytes);

}  // namespace topformer
