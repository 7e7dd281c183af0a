// topformer-runner: one .pte, one picture, and how long each part of the way to a result takes.
//
//   about        print what this program is made of
//   run          take samples, print one document
//   serve        open the model, then take a block of samples for each line on stdin
//   postprocess  the last stage alone, on given outputs
//   preprocess   the input stage alone, on a given picture
//
// Every command prints JSON documents on stdout and exits with 0; a failure is a document too, and
// the exit status is then 2 for wrong usage and 1 for all else, but a crash ends by its own signal.
// README.md lists the options.

#include <exception>
#include <iostream>
#include <new>
#include <string>

#include "arguments.h"
#include "build_facts.h"
#include "limits.h"
#include "machine.h"
#include "platform_log.h"
#include "report.h"
#include "session.h"
#include "stages.h"

namespace topformer {
namespace {

// "50000 50000", with something to spare.
constexpr std::size_t kRequestLimitBytes = 64;

void about(Arguments& arguments) {
  arguments.refuse_rest();
  JsonWriter document = begin_document("topformer.runner-about/1");
  document.field("runtime", "executorch")
      .field("runtime_version", executorch_version())
      .field("compiler", compiler());
  write_build(document);
  print_document(document);
}

JsonWriter write_block(JsonWriter document, Session& session, int samples, int warmups) {
  const std::int64_t cpu_start = process_cpu_ns();
  const auto untimed = session.run(warmups);
  const auto timed = session.run(samples);
  const std::int64_t cpu_ns = process_cpu_ns() - cpu_start;
  write_times(document, "block_warmups", untimed);
  write_times(document, "samples", timed);
  return document.field("cpu_ns", cpu_ns).field("peak_memory_bytes", peak_memory_bytes());
}

void run(Arguments& arguments) {
  SessionOptions options = SessionOptions::take(arguments);
  const int samples = arguments.take_number("samples", 1, kMostRuns);
  const std::string output_path = arguments.take_optional_text("write-output");
  const std::string result_path = arguments.take_optional_text("write-result");
  const std::string profile_path = arguments.take_optional_text("write-profile");
  arguments.refuse_rest();
  options.model.profile = !profile_path.empty();

  Session session(options);
  JsonWriter document =
      write_block(begin_document("topformer.runner/1"), session, samples, /*warmups=*/0);
  session.describe(document);
  if (!output_path.empty()) session.write_outputs(output_path);
  if (!result_path.empty()) session.write_result(result_path);
  if (!profile_path.empty()) session.write_profile(profile_path);
  print_document(document);
}

// Reads a line, or the rest of the input; false when nothing is left.
bool read_request(std::istream& input, std::string& line) {
  line.clear();
  for (char next = 0; input.get(next);) {
    if (next == '\n') return true;
    line += next;
    if (line.size() > kRequestLimitBytes) throw usage_error("A request has an endless line.");
  }
  return !line.empty();
}

int parse_count(const std::string& text, int least) {
  const bool is_number = !text.empty() && text.size() <= 6 &&
                         text.find_first_not_of("0123456789") == std::string::npos;
  const int number = is_number ? std::stoi(text) : -1;
  if (number < least || number > kMostRuns) {
    throw usage_error("A request is not understood.", "It has two numbers: samples and warm-ups.");
  }
  return number;
}

void serve(Arguments& arguments) {
  const SessionOptions options = SessionOptions::take(arguments);
  arguments.refuse_rest();
  Session session(options);
  JsonWriter opened = begin_document("topformer.runner-opened/1");
  session.describe(opened);
  print_document(opened);
  for (std::string line; read_request(std::cin, line);) {
    const std::size_t blank = line.find(' ');
    const int samples = parse_count(line.substr(0, blank), 1);
    const int warmups = parse_count(blank == std::string::npos ? "" : line.substr(blank + 1), 0);
    print_document(
        write_block(begin_document("topformer.runner-block/1"), session, samples, warmups));
  }
}

void dispatch(Arguments& arguments) {
  const std::string& command = arguments.command();
  if (command == "about") return about(arguments);
  if (command == "run") return run(arguments);
  if (command == "serve") return serve(arguments);
  if (command == "postprocess") return postprocess_outputs(arguments);
  if (command == "preprocess") return preprocess_picture(arguments);
  throw usage_error("There is no command " + command + ".", kCommands);
}

int run_program(int count, const char* const* values) {
  try {
    report_crashes();
    keep_log();
    Arguments arguments(count, values);
    dispatch(arguments);
    return 0;
  } catch (const RunnerError& error) {
    print_error(error);
    return error.code == kUsage ? 2 : 1;
  } catch (const std::bad_alloc&) {
    print_error(RunnerError("out-of-memory", "There is not enough memory."));
  } catch (const std::exception& error) {
    print_error(RunnerError("internal", "The runner failed.", error.what()));
  }
  return 1;
}

}  // namespace
}  // namespace topformer

int main(int count, char** values) { return topformer::run_program(count, values); }
