#include "files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "errors.h"
#include "sha256.h"

namespace topformer {
namespace {

constexpr std::size_t kHashedAtOnceBytes = 1 << 16;

[[noreturn]] void fail(const char* code, const std::string& path, const char* what) {
  throw RunnerError(code, path + what, std::strerror(errno));
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;

  int get() const { return number_; }

 private:
  int number_;
};

Descriptor open_to_read(const std::string& path) {
  // Nothing that is put in the file's place meanwhile, a pipe say, may keep us waiting.
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) fail("file-unreadable", path, " cannot be read.");
  return file;
}

// Bytes read: fewer than `size_bytes` only at the end of the file.
std::size_t read_up_to(const Descriptor& file, const std::string& path, unsigned char* data,
                       std::size_t size_bytes) {
  std::size_t read = 0;
  while (read < size_bytes) {
    const ssize_t got = ::read(file.get(), data + read, size_bytes - read);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("file-unreadable", path, " cannot be read.");
    if (got == 0) break;
    read += static_cast<std::size_t>(got);
  }
  return read;
}

bool write_all(int descriptor, const unsigned char* data, std::size_t size_bytes) {
  while (size_bytes > 0) {
    const ssize_t written = ::write(descriptor, data, size_bytes);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    data += written;
    size_bytes -= static_cast<std::size_t>(written);
  }
  return true;
}

}  // namespace

std::size_t file_size_bytes(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) fail("file-unreadable", path, " cannot be read.");
  if (!S_ISREG(status.st_mode)) throw RunnerError("file-unreadable", path + " is not a file.");
  return static_cast<std::size_t>(status.st_size);
}

std::vector<unsigned char> read_exactly(const std::string& path, std::size_t size_bytes) {
  const std::size_t found = file_size_bytes(path);
  if (found != size_bytes) {
    throw RunnerError("file-size", path + " has the wrong size.",
                      "It has " + std::to_string(found) + " bytes, and " +
                          std::to_string(size_bytes) + " are needed.");
  }
  std::vector<unsigned char> data(size_bytes);
  const Descriptor file = open_to_read(path);
  if (read_up_to(file, path, data.data(), size_bytes) != size_bytes) {
    throw RunnerError("file-size", path + " became shorter while it was read.");
  }
  return data;
}

std::string sha256_file(const std::string& path) {
  const Descriptor file = open_to_read(path);
  std::vector<unsigned char> block(kHashedAtOnceBytes);
  Sha256 hash;
  for (std::size_t left = file_size_bytes(path); left > 0;) {
    const std::size_t wanted = std::min(left, block.size());
    const std::size_t got = read_up_to(file, path, block.data(), wanted);
    if (got == 0) throw RunnerError("file-size", path + " became shorter while it was read.");
    hash.update(block.data(), got);
    left -= got;
  }
  return hash.finish();
}

void write_whole(const std::string& path, const void* data, std::size_t size_bytes) {
  const std::string temporary = path + ".part";
  {
    const Descriptor file(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (file.get() < 0) fail("file-unwritable", path, " cannot be written.");
    if (!write_all(file.get(), static_cast<const unsigned char*>(data), size_bytes) ||
        ::fsync(file.get()) != 0) {
      const int reason = errno;
      ::unlink(temporary.c_str());
      errno = reason;
      fail("file-unwritable", path, " cannot be written.");
    }
  }
  if (std::rename(temporary.c_str(), path.c_str()) != 0) {
    const int reason = errno;
    ::unlink(temporary.c_str());
    errno = reason;
    fail("file-unwritable", path, " cannot be written.");
  }
}

}  // namespace topformer
