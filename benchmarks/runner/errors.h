// A failure that is reported as JSON: a code for programs, words for people.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace topformer {

// Codes are part of the runner's output: add to them, but never change what one means.
struct RunnerError : std::runtime_error {
  RunnerError(std::string code, const std::string& what, std::string why = "")
      : std::runtime_error(what), code(std::move(code)), why(std::move(why)) {}

  std::string code;
  std::string why;
};

// The exit status of wrong usage is 2, as everywhere in this toolchain; of all else 1.
inline constexpr const char* kUsage = "usage";

inline RunnerError usage_error(const std::string& what, const std::string& why = "") {
  return RunnerError(kUsage, what, why);
}

}  // namespace topformer
