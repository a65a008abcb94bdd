// MINDIR on Ascend 310, Ascend, GPU and CPU by the C++ interface of MindSpore Lite.
#include "include/api/context.h"
#include "include/api/model.h"
#include "include/api/types.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "engine.h"
#include "errors.h"

namespace {

namespace ms = mindspore;

ElementType element_type(ms::DataType type) {
  switch (type) {
    case ms::DataType::kNumberTypeFloat32: return ElementType::kFloat32;
    case ms::DataType::kNumberTypeInt32: return ElementType::kInt32;
    case ms::DataType::kNumberTypeInt64: return ElementType::kInt64;
    case ms::DataType::kNumberTypeBool:
    case ms::DataType::kNumberTypeUInt8: return ElementType::kBool;
    default: throw UserError("an output of the model has MindSpore's type " + std::to_string(static_cast<int>(type)) +
                             ", which is not known here");
  }
}

std::shared_ptr<ms::DeviceInfoContext> device_info(const EngineSettings& settings) {
  const auto id = static_cast<std::uint32_t>(settings.device_id);
  if (settings.device == "CPU") return std::make_shared<ms::CPUDeviceInfo>();
  if (settings.device == "GPU") {
    auto gpu = std::make_shared<ms::GPUDeviceInfo>();
    gpu->SetDeviceID(id);
    return gpu;
  }
  auto ascend = std::make_shared<ms::AscendDeviceInfo>();
  ascend->SetDeviceID(id);
  return ascend;
}

ms::ModelType model_type(const std::filesystem::path& model) {
  const std::map<std::string, ms::ModelType> types = {{".mindir", ms::ModelType::kMindIR},
                                                      {".ms", ms::ModelType::kMindIR_Lite},
                                                      {".om", ms::ModelType::kOM}};
  return types.at(model.extension().string());
}

// A status tells its reason on several lines.
std::string one_line(const ms::Status& status) {
  std::string text = status.GetErrDescription();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

class MindSporeEngine : public Engine {
 public:
  explicit MindSporeEngine(const EngineSettings& settings) : name_(settings.model.string()) {
    auto context = std::make_shared<ms::Context>();
    context->SetThreadNum(settings.threads);
    context->MutableDeviceInfo().push_back(device_info(settings));
    const auto status = model_.Build(name_, model_type(settings.model), context);
    if (status != ms::kSuccess)
      throw UserError(name_ + ": MindSpore Lite refuses it on " + settings.device + ": " + one_line(status));
    inputs_ = model_.GetInputs();
    if (inputs_.size() != 1 || inputs_[0].Shape() != settings.input.shape)
      throw UserError(name_ + ": its input has not the shape that its card says; export it again");
  }

  std::vector<Output> run(const std::vector<float>& images) override {
    void* room = inputs_[0].MutableData();
    if (room == nullptr || inputs_[0].DataSize() != images.size() * sizeof(float))
      throw UserError(name_ + ": its input does not take float32 of the shape that its card says");
    std::memcpy(room, images.data(), inputs_[0].DataSize());
    const auto status = model_.Predict(inputs_, &outputs_);
    if (status != ms::kSuccess) throw UserError(name_ + ": MindSpore Lite stopped: " + one_line(status));
    std::vector<Output> outputs;
    for (auto& tensor : outputs_) outputs.push_back({tensor.Shape(), element_type(tensor.DataType()), tensor.MutableData()});
    return outputs;
  }

 private:
  std::string name_;
  ms::Model model_;
  std::vector<ms::MSTensor> inputs_;
  std::vector<ms::MSTensor> outputs_;
};

}  // namespace

extern "C" Engine* make_engine(const EngineSettings& settings) { return new MindSporeEngine(settings); }
