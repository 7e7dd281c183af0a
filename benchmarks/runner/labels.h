// Logits to labels at full size, exactly, without the full-size logits: topformer/labels.py in C++,
// which explains the method. Both give the same labels, bit for bit: every sum here is written as
// it is there, and CMakeLists.txt forbids the compiler to fuse or reorder any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "contest.h"
#include "label_axis.h"

namespace topformer {

// Makes labels of one size from logits of one shape, again and again; not from two threads at once.
class Labeller {
 public:
  Labeller(const LogitsShape& logits, int label_height, int label_width);

  // Logits [c, h, w] -> class ids [H, W].
  void label(const float* logits, Label* labels);

 private:
  struct Cell {
    int row, column;
  };

  void search_row(const float* logits, int row);
  void drop_beaten(const float* logits, const Cell& cell);
  void contest(const float* logits, const Cell& cell, Label* labels) const;
  void label_everywhere(const float* logits, Label* labels) const;
  void fill(const Patch& patch, Label label, Label* labels) const;
  void write(const Patch& patch, const Contest& contest, Label* labels) const;
  Label* pixel_of(const Patch& patch, int y, Label* labels) const;

  LogitsShape shape_;
  LabelAxis rows_;
  LabelAxis columns_;
  std::size_t label_width_;
  // Of cells, so that whole words of them can be looked at.
  std::size_t padded_width_;

  // Of the row of cells being worked on.
  std::vector<float> lower_bounds_;     // [padded w] the largest of all classes' smallest corners
  std::vector<float> largest_;          // [c, padded w] each class's largest corner
  std::vector<std::uint8_t> possible_;  // [padded w] whether a class may win in a cell
  std::vector<Label> candidates_;  // [padded w, c] the classes that may win in each cell, ascending
  std::vector<int> candidate_counts_;  // [padded w]
};

}  // namespace topformer
