#include "model.h"

#include <executorch/extension/data_loader/buffer_data_loader.h>
#include <executorch/extension/module/module.h>
#include <executorch/extension/tensor/tensor_ptr.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "errors.h"
#include "files.h"
#include "limits.h"
#include "platform_log.h"
#include "recorder.h"
#include "sha256.h"
#include "threads.h"

namespace topformer {
namespace {

namespace runtime = executorch::runtime;
using executorch::aten::ScalarType;
using executorch::aten::SizesType;
using executorch::extension::BufferDataLoader;
using executorch::extension::Module;
using executorch::extension::TensorPtr;

void check(runtime::Error error, const char* code, const std::string& what) {
  if (error == runtime::Error::Ok) return;
  std::string why = runtime::to_string(error);
  if (const std::string log = last_log_errors(); !log.empty()) why += ": " + log;
  throw RunnerError(code, what, why);
}

std::string shape_text(runtime::Span<const std::int32_t> sizes) {
  std::string text = "[";
  for (const std::int32_t size : sizes) {
    text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  }
  return text + "]";
}

}  // namespace

struct Model::Loaded {
  explicit Loaded(const std::string& path) : file(path) {}

  // Before the module, which points into it.
  MappedFile file;
  std::unique_ptr<Module> module;
  // Owned by the module; null unless runs are recorded.
  runtime::EventTracer* recorder = nullptr;
  TensorPtr input;

  runtime::MethodMeta meta() const {
    auto found = module->method_meta("forward");
    check(found.error(), "model-shape", "The model cannot be described.");
    return *found;
  }
};

Model::Model(const ModelOptions& options) : loaded_(std::make_unique<Loaded>(options.path)) {
  const MappedFile& file = loaded_->file;
  if (file.size_bytes() == 0) throw RunnerError("model-refused", options.path + " is empty.");
  set_threads(options.threads);
  std::unique_ptr<runtime::EventTracer> recorder;
  if (options.profile) recorder = make_recorder();
  loaded_->recorder = recorder.get();
  loaded_->module =
      std::make_unique<Module>(std::make_unique<BufferDataLoader>(file.data(), file.size_bytes()),
                               nullptr, nullptr, std::move(recorder));
  const std::string refusal = "ExecuTorch cannot load " + options.path + ".";
  check(loaded_->module->load(runtime::Program::Verification::InternalConsistency), "model-refused",
        refusal);
  check_input(options.input);
  output_shapes_ = read_output_shapes();
  outputs_.resize(output_shapes_.size());
  check(loaded_->module->load_method("forward"), "model-refused", refusal);

  input_.resize(3 * options.input.pixels());
  loaded_->input = executorch::extension::make_tensor_ptr(
      {1, 3, static_cast<SizesType>(options.input.height),
       static_cast<SizesType>(options.input.width)},
      input_.data(), ScalarType::Float);
}

Model::~Model() = default;

void Model::check_input(const PictureSize& size) const {
  const runtime::MethodMeta meta = loaded_->meta();
  const auto input = meta.input_tensor_meta(0);
  const std::int32_t wanted[] = {1, 3, size.height, size.width};
  if (meta.num_inputs() != 1 || !input.ok() || input->scalar_type() != ScalarType::Float) {
    throw RunnerError("model-shape", "The model does not take one float32 tensor.");
  }
  const auto sizes = input->sizes();
  if (!std::equal(sizes.begin(), sizes.end(), std::begin(wanted), std::end(wanted))) {
    throw RunnerError(
        "model-shape", "The model takes another input.",
        "It takes " + shape_text(sizes) + ", and was to be given " + shape_text({wanted, 4}) + ".");
  }
}

std::vector<MapShape> Model::read_output_shapes() const {
  const runtime::MethodMeta meta = loaded_->meta();
  if (meta.num_outputs() < 1 || meta.num_outputs() > kMostOutputs) {
    throw RunnerError("model-shape", "The model does not return one to 64 tensors.");
  }
  std::vector<MapShape> shapes;
  std::int64_t numbers = 0;
  for (std::size_t output = 0; output < meta.num_outputs(); ++output) {
    const auto described = meta.output_tensor_meta(output);
    if (!described.ok() || described->scalar_type() != ScalarType::Float) {
      throw RunnerError("model-shape", "The model does not return float32 tensors.");
    }
    const auto sizes = described->sizes();
    const bool is_map = sizes.size() == 4 && sizes[0] == 1 &&
                        std::all_of(sizes.begin(), sizes.end(), [](std::int32_t size) {
                          return size >= 1 && size <= kMostOutputNumbers;
                        });
    // No product of two such sizes overflows, and the third is only taken where they are few.
    const std::int64_t plane = is_map ? std::int64_t{sizes[2]} * sizes[3] : 0;
    if (is_map && plane <= kMostOutputNumbers) numbers += plane * sizes[1];
    if (!is_map || plane > kMostOutputNumbers || numbers > kMostOutputNumbers) {
      throw RunnerError("model-shape", "The model does not return maps of a size that can be.",
                        "It returns " + shape_text(sizes) + ", not [1, channels, height, width].");
    }
    shapes.push_back({sizes[1], sizes[2], sizes[3]});
  }
  return shapes;
}

void Model::run() {
  const auto outputs = loaded_->module->forward(loaded_->input);
  check(outputs.error(), "execute-failed", "ExecuTorch failed to run the model.");
  bool as_declared = outputs->size() == output_shapes_.size();
  for (std::size_t i = 0; as_declared && i < outputs_.size(); ++i) {
    const auto& output = (*outputs)[i];
    as_declared = output.isTensor() && static_cast<std::size_t>(output.toTensor().numel()) ==
                                           output_shapes_[i].count();
    if (as_declared) outputs_[i] = output.toTensor().const_data_ptr<float>();
  }
  if (!as_declared) {
    throw RunnerError("execute-failed", "The model returned something else than it declares.");
  }
}

std::vector<unsigned char> Model::take_profile() {
  return loaded_->recorder == nullptr ? std::vector<unsigned char>()
                                      : take_record(*loaded_->recorder);
}

std::string Model::sha256() const {
  return topformer::sha256(loaded_->file.data(), loaded_->file.size_bytes());
}

}  // namespace topformer
