// MINDIR on Ascend 310, Ascend, GPU and CPU by the C++ interface of MindSpore Lite.
#include "include/api/context.h"
#include "include/api/model.h"
#include "include/api/types.h"

#include <cstring>
#include <map>
#include <sstream>

#include "captured_errors.h"
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

// A status says little more than that something went wrong; the reasons stand in the log, in lines such as
// "[ERROR] ME(process,thread,name):time [file:line] function] reason". Returns every reason once, in one line.
std::string reasons(const std::string& log) {
  std::istringstream lines(log);
  std::string line, found;
  while (std::getline(lines, line)) {
    if (line.rfind("[ERROR]", 0) != 0 && line.rfind("[WARNING]", 0) != 0) continue;
    std::size_t at = 0;
    for (int bracket = 0; bracket < 3 && at != std::string::npos; ++bracket) at = line.find("] ", at + 1);
    const std::string reason = at == std::string::npos ? line : line.substr(at + 2);
    if (found.find(reason) == std::string::npos) found += (found.empty() ? "" : "; ") + reason;
  }
  return found;
}

// Runs a step of MindSpore; throws UserError with the reasons if it fails.
template <typename Step>
void expect_success(const std::string& what, const Step& step) {
  const CapturedErrors errors;
  const ms::Status status = step();
  if (status == ms::kSuccess) return;
  std::string why = reasons(errors.text());
  throw UserError(what + ": " + (why.empty() ? status.GetErrDescription() : why));
}

class MindSporeEngine : public Engine {
 public:
  explicit MindSporeEngine(const EngineSettings& settings) : name_(settings.model.string()) {
    auto context = std::make_shared<ms::Context>();
    context->SetThreadNum(settings.threads);
    context->MutableDeviceInfo().push_back(device_info(settings));
    expect_success(name_ + ": MindSpore Lite refuses it on " + settings.device,
                   [&] { return model_.Build(name_, model_type(settings.model), context); });
    inputs_ = model_.GetInputs();
    if (inputs_.size() != 1 || inputs_[0].Shape() != settings.input.shape)
      throw UserError(name_ + ": its input has not the shape that its metadata say; export it again");
  }

  std::vector<Output> run(const std::vector<float>& images) override {
    void* room = inputs_[0].MutableData();
    if (room == nullptr || inputs_[0].DataSize() != images.size() * sizeof(float))
      throw UserError(name_ + ": its input does not take float32 of the shape that its metadata say");
    std::memcpy(room, images.data(), inputs_[0].DataSize());
    const auto status = model_.Predict(inputs_, &outputs_);
    if (status != ms::kSuccess) throw UserError(name_ + ": MindSpore Lite stopped: " + status.GetErrDescription());
    std::vector<Output> outputs;
    for (auto& tensor : outputs_)
      outputs.push_back({tensor.Shape(), element_type(tensor.DataType()), tensor.MutableData(), tensor.DataSize(), {}});
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
