// The stages around the network by themselves, so that tests can hold them against Python's.
#pragma once

#include "arguments.h"

namespace topformer {

// A picture to its input tensor.
void preprocess_picture(Arguments& arguments);

// Outputs to a result, timed.
void postprocess_outputs(Arguments& arguments);

}  // namespace topformer
