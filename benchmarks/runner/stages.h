// The stages around the network by themselves, so that tests can hold them against Python's.
#pragma once

#include "arguments.h"

namespace topformer {

// A picture to its input tensor.
void preprocess_picture(Arguments& arguments);

// Logits to labels, timed.
void postprocess_logits(Arguments& arguments);

}  // namespace topformer
