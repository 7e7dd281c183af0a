// What this program was built from, and by what.
#pragma once

#include "json.h"

namespace topformer {

// The version of ExecuTorch that it was compiled against.
const char* executorch_version();

const char* compiler();

// Whose ExecuTorch it holds, for which C library, compiled by what: the field `build`.
void write_build(JsonWriter& document);

}  // namespace topformer
