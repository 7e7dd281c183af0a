// What the runner prints: JSON documents, one a line, each with its schema first and an end marker
// last. A line without the marker is torn off and must not be believed: when a device's daemon dies
// while a command runs, adb passes on what there was and reports success.
#pragma once

#include <string>

#include "errors.h"
#include "json.h"

namespace topformer {

// Begins a document.
JsonWriter begin_document(const std::string& schema);

// Ends it and writes it to stdout at once. Raises RunnerError where it cannot be written.
void print_document(JsonWriter document);

void print_error(const RunnerError& error);

// From here on a crash, be it a signal or ExecuTorch's own abort, is reported as an error too.
void report_crashes();

}  // namespace topformer
