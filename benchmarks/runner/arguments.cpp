#include "arguments.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "errors.h"

namespace topformer {
namespace {

// strtod knows hexadecimal, infinity, leading blanks and more; here a number is digits.
constexpr const char* kDecimal = "+-.0123456789eE";

float parse_float(const std::string& text, const std::string& name) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  const bool is_decimal = !text.empty() && text.find_first_not_of(kDecimal) == std::string::npos;
  const auto rounded = static_cast<float>(number);
  if (!is_decimal || end != text.c_str() + text.size() || !std::isfinite(rounded)) {
    throw usage_error("The option --" + name + " cannot be " + text + ".",
                      "It takes three decimal numbers separated by commas.");
  }
  return rounded;
}

}  // namespace

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
  if (text.empty()) throw usage_error("The option --" + name + " is missing or empty.");
  return text;
}

std::string Arguments::take_optional_text(const std::string& name) {
  const auto found = options_.find(name);
  if (found == options_.end()) return "";
  std::string text = found->second;
  options_.erase(found);
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
  int number = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc{} || parsed.ptr != end || number < least || number > most) {
    throw usage_error("The option --" + name + " cannot be " + text + ".",
                      "It takes a whole number from " + std::to_string(least) + " to " +
                          std::to_string(most) + ".");
  }
  return number;
}

std::optional<int> Arguments::take_optional_number(const std::string& name, int least, int most) {
  if (options_.count(name) == 0) return std::nullopt;
  return take_number(name, least, most);
}

ChannelTriple Arguments::take_triple(const std::string& name) {
  const std::string text = take_text(name);
  const std::size_t first = text.find(',');
  const std::size_t second = first == std::string::npos ? first : text.find(',', first + 1);
  if (second == std::string::npos) {
    throw usage_error("The option --" + name + " cannot be " + text + ".",
                      "It takes three decimal numbers separated by commas.");
  }
  return {parse_float(text.substr(0, first), name),
          parse_float(text.substr(first + 1, second - first - 1), name),
          parse_float(text.substr(second + 1), name)};
}

void Arguments::refuse_rest() const {
  if (options_.empty()) return;
  throw usage_error("The command " + command_ + " has no option --" + options_.begin()->first +
                    ".");
}

}  // namespace topformer
