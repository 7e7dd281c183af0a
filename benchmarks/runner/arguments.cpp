#include "arguments.h"

#include <charconv>
#include <cmath>
#include <cstdlib>

#include "errors.h"

namespace topformer {
namespace {

// strtod knows hexadecimal, infinity, leading blanks and more; here a number is digits.
constexpr const char* kDecimal = "+-.0123456789eE";

}  // namespace

std::optional<double> parse_decimal(const std::string& text) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  const bool is_decimal = !text.empty() && text.find_first_not_of(kDecimal) == std::string::npos;
  if (!is_decimal || end != text.c_str() + text.size() ||
      !std::isfinite(static_cast<float>(number))) {
    return std::nullopt;
  }
  return number;
}

std::optional<int> parse_number(const std::string& text, int least, int most) {
  int number = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc{} || parsed.ptr != end || number < least || number > most) {
    return std::nullopt;
  }
  return number;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::size_t start = 0;
  for (std::size_t at = text.find(separator); at != std::string::npos;
       at = text.find(separator, start)) {
    parts.push_back(text.substr(start, at - start));
    start = at + 1;
  }
  parts.push_back(text.substr(start));
  return parts;
}

RunnerError wrong_option(const std::string& name, const std::string& text, const std::string& why) {
  return usage_error("The option --" + name + " cannot be " + text + ".", why);
}

Arguments::Arguments(int count, const char* const* values) {
  if (count < 2) throw usage_error("There is no command.", kCommands);
  command_ = values[1];
  for (int at = 2; at < count; ++at) {
    const std::string option = values[at];
    const std::size_t equals = option.find('=');
    if (option.rfind("--", 0) != 0 || equals == std::string::npos || equals == 2) {
      throw usage_error(option + " is no option.", "Options are written as --name=value.");
    }
    const std::string name = option.substr(2, equals - 2);
    if (!options_.emplace(name, option.substr(equals + 1)).second) {
      throw usage_error("The option --" + name + " is given twice.");
    }
  }
}

std::string Arguments::take_text(const std::string& name) {
  std::string text = take_optional_text(name);
  if (text.empty()) throw usage_error("The option --" + name + " is missing.");
  return text;
}

std::string Arguments::take_optional_text(const std::string& name) {
  const auto found = options_.find(name);
  if (found == options_.end()) return "";
  std::string text = found->second;
  options_.erase(found);
  // As of a shell's variable that is not set: what was asked for must not be left out in silence.
  if (text.empty()) throw usage_error("The option --" + name + " is empty.");
  return text;
}

bool Arguments::take_switch(const std::string& name) {
  if (options_.count(name) == 0) return false;
  const std::string text = take_optional_text(name);
  if (text != "1")
    throw usage_error("The option --" + name + " is 1 or left out, not " + text + ".");
  return true;
}

int Arguments::take_number(const std::string& name, int least, int most) {
  const std::string text = take_text(name);
  const std::optional<int> number = parse_number(text, least, most);
  if (number) return *number;
  throw wrong_option(name, text,
                     "It takes a whole number from " + std::to_string(least) + " to " +
                         std::to_string(most) + ".");
}

double Arguments::take_decimal(const std::string& name, double least, double most) {
  const std::string text = take_text(name);
  const std::optional<double> number = parse_decimal(text);
  if (number && *number >= least && *number <= most) return *number;
  throw wrong_option(name, text,
                     "It takes a decimal number from " + std::to_string(least) + " to " +
                         std::to_string(most) + ".");
}

std::optional<int> Arguments::take_optional_number(const std::string& name, int least, int most) {
  if (options_.count(name) == 0) return std::nullopt;
  return take_number(name, least, most);
}

ChannelTriple Arguments::take_triple(const std::string& name) {
  const std::string text = take_text(name);
  const std::vector<std::string> parts = split(text, ',');
  ChannelTriple triple{};
  for (std::size_t i = 0; i < triple.size(); ++i) {
    const auto number = parts.size() == triple.size() ? parse_decimal(parts[i]) : std::nullopt;
    if (!number) {
      throw wrong_option(name, text, "It takes three decimal numbers separated by commas.");
    }
    triple[i] = static_cast<float>(*number);
  }
  return triple;
}

void Arguments::refuse_rest() const {
  if (options_.empty()) return;
  throw usage_error("The command " + command_ + " has no option --" + options_.begin()->first +
                    ".");
}

}  // namespace topformer
