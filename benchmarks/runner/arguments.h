// The command line: a command and options, `--name=value`, each wanted by it and given once.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "errors.h"
#include "preprocess.h"

namespace topformer {

inline constexpr const char* kCommands = "Commands: about, run, serve, postprocess, preprocess.";

// Numbers as options have them: digits, no blanks, nothing after them. None for anything else.
std::optional<double> parse_decimal(const std::string& text);
std::optional<int> parse_number(const std::string& text, int least, int most);

// The parts between separators; never none.
std::vector<std::string> split(const std::string& text, char separator);

// An option that does not fit.
RunnerError wrong_option(const std::string& name, const std::string& text, const std::string& why);

class Arguments {
 public:
  // Raises RunnerError for what is no command line.
  Arguments(int count, const char* const* values);

  const std::string& command() const { return command_; }

  // Each takes one option off the list. Raises RunnerError when it is missing or does not fit.
  std::string take_text(const std::string& name);
  // Empty when it is not there.
  std::string take_optional_text(const std::string& name);
  // True for "1", false when it is not there.
  bool take_switch(const std::string& name);
  int take_number(const std::string& name, int least, int most);
  std::optional<int> take_optional_number(const std::string& name, int least, int most);
  double take_decimal(const std::string& name, double least, double most);
  // Three decimal numbers, separated by commas, rounded to float32.
  ChannelTriple take_triple(const std::string& name);

  // Raises RunnerError when an option is left that nobody took.
  void refuse_rest() const;

 private:
  std::string command_;
  std::map<std::string, std::string> options_;
};

}  // namespace topformer
