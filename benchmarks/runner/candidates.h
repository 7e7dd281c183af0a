// The classes that may win somewhere in each cell, the patch of pixels between four logits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "contest.h"

namespace topformer {

class Candidates {
 public:
  explicit Candidates(const MapShape& shape);

  // Finds the candidates of `rows` rows of cells of finite logits [c, h, w], from `first_row` on.
  void search(const float* logits, int first_row, int rows);

  // Of one cell of those rows: class ids in ascending order, never none.
  const Label* begin(int row, int column) const {
    return classes_.data() + starts_[at(row, column)];
  }
  int count(int row, int column) const { return counts_[at(row, column)]; }

  // Rows to search at once: few enough that their logits stay in the cache from the first look to
  // the second, and many enough that memory is read in long stretches.
  int rows_at_once() const;

 private:
  // A class that may win in a cell of these rows.
  struct Found {
    std::uint32_t cell;
    Label number;
  };

  std::size_t at(int row, int column) const {
    return static_cast<std::size_t>(row - first_row_) * width_ + static_cast<std::size_t>(column);
  }
  const float* row_of(const float* logits, std::size_t number, int row) const;
  void raise_bounds(const float* logits, int rows);
  void find_possible(const float* logits, int rows);
  void sort_by_cell(std::size_t cells);
  void drop_beaten(const float* logits, int row, int column);

  MapShape shape_;
  std::size_t width_;
  int first_row_ = 0;
  // [cell] the largest of all classes' smallest corners.
  std::vector<float> bounds_;
  std::vector<Found> found_;
  // Cell `i` has classes_[starts_[i]] and the counts_[i] - 1 after it.
  std::vector<Label> classes_;
  std::vector<std::uint32_t> starts_;
  std::vector<int> counts_;
};

}  // namespace topformer
