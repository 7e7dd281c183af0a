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

// Logits of the largest picture and of 65535 classes would not fit into any device.
constexpr std::int64_t kMostLogits = std::int64_t{1} << 28;

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
  logits_shape_ = read_logits_shape();
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

LogitsShape Model::read_logits_shape() const {
  const runtime::MethodMeta meta = loaded_->meta();
  const auto output = meta.output_tensor_meta(0);
  if (meta.num_outputs() != 1 || !output.ok() || output->scalar_type() != ScalarType::Float) {
    throw RunnerError("model-shape", "The model does not return one float32 tensor.");
  }
  const auto sizes = output->sizes();
  const bool has_logits =
      sizes.size() == 4 && sizes[0] == 1 && sizes[1] >= 1 && sizes[1] <= kMostClasses &&
      sizes[2] >= 1 && sizes[2] <= kMostSidePixels && sizes[3] >= 1 && sizes[3] <= kMostSidePixels;
  if (!has_logits || std::int64_t{sizes[1]} * sizes[2] * sizes[3] > kMostLogits) {
    throw RunnerError("model-shape", "The model does not return logits.",
                      "It returns " + shape_text(sizes) + ", not [1, classes, height, width].");
  }
  return {sizes[1], sizes[2], sizes[3]};
}

const float* Model::run() {
  const auto outputs = loaded_->module->forward(loaded_->input);
  check(outputs.error(), "execute-failed", "ExecuTorch failed to run the model.");
  if (outputs->size() != 1 || !(*outputs)[0].isTensor() ||
      static_cast<std::size_t>((*outputs)[0].toTensor().numel()) != logits_shape_.count()) {
    throw RunnerError("execute-failed", "The model returned something else than it declares.");
  }
  return (*outputs)[0].toTensor().const_data_ptr<float>();
}

std::vector<unsigned char> Model::take_profile() {
  return loaded_->recorder == nullptr ? std::vector<unsigned char>()
                                      : take_record(*loaded_->recorder);
}

std::string Model::sha256() const {
  return topformer::sha256(loaded_->file.data(), loaded_->file.size_bytes());
}

}  // namespace topformer
