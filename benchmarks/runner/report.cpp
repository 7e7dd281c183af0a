#include "report.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>

namespace topformer {
namespace {

constexpr const char* kEndMarker = "topformer.runner.end";

// Says whether all was written. Also from a signal handler: no memory is allocated, no lock taken.
bool write_stdout(const char* data, std::size_t size_bytes) {
  while (size_bytes > 0) {
    const ssize_t written = ::write(STDOUT_FILENO, data, size_bytes);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) {
      pollfd room{STDOUT_FILENO, POLLOUT, 0};
      ::poll(&room, 1, -1);
      continue;
    }
    if (written <= 0) return false;
    data += written;
    size_bytes -= static_cast<std::size_t>(written);
  }
  return true;
}

bool write_document(JsonWriter& document) {
  const std::string text = document.field("end", kEndMarker).end_object().text() + "\n";
  return write_stdout(text.data(), text.size());
}

struct Crash {
  int signal;
  const char* document;
};

#define TOPFORMER_CRASH(name)                                            \
  {                                                                      \
    name,                                                                \
        "{\"schema\":\"topformer.runner-error/1\",\"code\":\"crashed\"," \
        "\"what\":\"The runner was stopped by " #name                    \
        ".\",\"why\":\"\","                                              \
        "\"end\":\"topformer.runner.end\"}\n"                            \
  }
constexpr Crash kCrashes[] = {TOPFORMER_CRASH(SIGSEGV), TOPFORMER_CRASH(SIGBUS),
                              TOPFORMER_CRASH(SIGILL), TOPFORMER_CRASH(SIGFPE),
                              TOPFORMER_CRASH(SIGABRT)};
#undef TOPFORMER_CRASH

extern "C" void tell_crash(int signal) {
  for (const Crash& crash : kCrashes) {
    if (crash.signal == signal) write_stdout(crash.document, std::strlen(crash.document));
  }
  // The handler is reset by now, so this ends the process with the status that the signal gives.
  ::raise(signal);
}

}  // namespace

JsonWriter begin_document(const std::string& schema) {
  JsonWriter document;
  document.begin_object().field("schema", schema);
  return document;
}

void print_document(JsonWriter document) {
  if (!write_document(document)) {
    throw RunnerError("output", "The document cannot be written to stdout.", std::strerror(errno));
  }
}

void print_error(const RunnerError& error) {
  JsonWriter document = begin_document("topformer.runner-error/1");
  document.field("code", error.code).field("what", std::string(error.what()));
  // Where this cannot be written either, the exit status tells all that can be told.
  write_document(document.field("why", error.why));
}

void report_crashes() {
  // Where the stack has overflowed there is no room on it to say so.
  alignas(16) static char spare_stack[1 << 16];
  stack_t stack{};
  stack.ss_sp = spare_stack;
  stack.ss_size = sizeof spare_stack;
  ::sigaltstack(&stack, nullptr);
  struct sigaction action {};
  action.sa_handler = tell_crash;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER | SA_ONSTACK);
  sigemptyset(&action.sa_mask);
  for (const Crash& crash : kCrashes) ::sigaction(crash.signal, &action, nullptr);
}

}  // namespace topformer
