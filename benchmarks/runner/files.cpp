#include "files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "errors.h"

namespace topformer {
namespace {

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
  // No pipe may keep us waiting.
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) fail("file-unreadable", path, " cannot be read.");
  return file;
}

// Raises RunnerError for what is no regular file.
std::size_t size_of(const Descriptor& file, const std::string& path) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) fail("file-unreadable", path, " cannot be read.");
  if (!S_ISREG(status.st_mode)) throw RunnerError("file-unreadable", path + " is not a file.");
  return static_cast<std::size_t>(status.st_size);
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

std::vector<unsigned char> read_exactly(const std::string& path, std::size_t size_bytes) {
  const Descriptor file = open_to_read(path);
  const std::size_t found = size_of(file, path);
  if (found != size_bytes) {
    throw RunnerError("file-size", path + " has the wrong size.",
                      "It has " + std::to_string(found) + " bytes, and " +
                          std::to_string(size_bytes) + " are needed.");
  }
  std::vector<unsigned char> data(size_bytes);
  if (read_up_to(file, path, data.data(), size_bytes) != size_bytes) {
    throw RunnerError("file-size", path + " became shorter while it was read.");
  }
  return data;
}

MappedFile::MappedFile(const std::string& path) {
  const Descriptor file = open_to_read(path);
  size_bytes_ = size_of(file, path);
  if (size_bytes_ == 0) return;
  void* mapped = ::mmap(nullptr, size_bytes_, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (mapped == MAP_FAILED) fail("file-unreadable", path, " cannot be mapped.");
  data_ = mapped;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(data_, size_bytes_);
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
