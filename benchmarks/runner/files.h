// Files in, of the size they must have; and out, whole or not at all.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace topformer {

// Reads a file that must have exactly `size_bytes` bytes.
std::vector<unsigned char> read_exactly(const std::string& path, std::size_t size_bytes);

// A regular file in memory, as it was opened: nothing is read again by its path.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  // Null where the file is empty.
  const void* data() const { return data_; }
  std::size_t size_bytes() const { return size_bytes_; }

 private:
  void* data_ = nullptr;
  std::size_t size_bytes_ = 0;
};

// Writes beside `path`, flushes to the disk, and only then gives the file its name.
void write_whole(const std::string& path, const void* data, std::size_t size_bytes);

}  // namespace topformer
