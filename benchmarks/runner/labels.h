// Logits to labels at full size, exactly, without the full-size logits, by the method that
// topformer/tasks/upsampling.py explains. Both give the same labels, bit for bit: every sum here is
// written as it is there, and CMakeLists.txt forbids the compiler to fuse or reorder any.
#pragma once

#include <cstddef>

#include "candidates.h"
#include "contest.h"
#include "label_axis.h"

namespace topformer {

// Makes labels of one size from logits of one shape, again and again; not from two threads at once.
class Labeller {
 public:
  Labeller(const MapShape& logits, int label_height, int label_width);

  // Logits [c, h, w] -> class ids [H, W].
  void label(const float* logits, Label* labels);

 private:
  void label_cell(const float* logits, int row, int column, Label* labels) const;
  void label_everywhere(const float* logits, Label* labels) const;
  void fill(const Patch& patch, Label label, Label* labels) const;
  void write(const Patch& patch, const Contest& contest, Label* labels) const;
  Label* pixel_of(const Patch& patch, int y, Label* labels) const;

  MapShape shape_;
  LabelAxis rows_;
  LabelAxis columns_;
  std::size_t label_width_;
  Candidates candidates_;
};

}  // namespace topformer
