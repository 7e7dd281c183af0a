// What the network's outputs mean: the result that is made of them, and how it is written.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "detection_options.h"
#include "map_shape.h"
#include "resize.h"

namespace topformer {

class Arguments;

struct TaskOptions {
  // Takes `task` and its own options. Raises RunnerError for a task that there is not.
  static TaskOptions take(Arguments& arguments);

  // None for segmentation, which is meant where no task is named.
  std::optional<DetectionOptions> detection;
};

// The bytes of a result, as topformer/tasks writes them.
struct Result {
  const void* data;
  std::size_t size_bytes;
};

class Task {
 public:
  virtual ~Task() = default;

  // Makes the result of one run, at the input's size; not from two threads at once.
  virtual void postprocess(const std::vector<const float*>& outputs) = 0;

  // The last one; it lives until the next.
  virtual Result result() const = 0;
};

// Makes results of outputs of these shapes, for an input of this size. Raises RunnerError where the
// outputs are not such as the task has.
std::unique_ptr<Task> make_task(const TaskOptions& options, const std::vector<MapShape>& outputs,
                                const PictureSize& input);

}  // namespace topformer
