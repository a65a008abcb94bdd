// ONNX on CPU by OpenVINO.
#include <openvino/openvino.hpp>

#include "captured_errors.h"
#include "engine.h"
#include "errors.h"

namespace {

ElementType element_type(const ov::element::Type& type) {
  if (type == ov::element::f32) return ElementType::kFloat32;
  if (type == ov::element::i32) return ElementType::kInt32;
  if (type == ov::element::i64) return ElementType::kInt64;
  if (type == ov::element::boolean || type == ov::element::u8) return ElementType::kBool;
  throw UserError("an output of the model has the type " + type.get_type_name() + ", which is not known here");
}

class OpenVinoEngine : public Engine {
 public:
  explicit OpenVinoEngine(const EngineSettings& settings) {
    const auto model = read(settings.model.string());
    if (model->inputs().size() != 1) throw UserError("the model must have one input");
    const ov::Shape shape(settings.input.shape.begin(), settings.input.shape.end());
    if (!model->input().get_partial_shape().compatible(ov::PartialShape(shape)))
      throw UserError("the input of the model is " + model->input().get_partial_shape().to_string() +
                      ", but its metadata say " + ov::PartialShape(shape).to_string());
    // Full precision: where the processor has bfloat16, OpenVINO would take that by itself.
    compiled_ = core_.compile_model(model, "CPU", ov::hint::inference_precision(ov::element::f32),
                                    ov::hint::performance_mode(ov::hint::PerformanceMode::LATENCY),
                                    ov::inference_num_threads(settings.threads));
    request_ = compiled_.create_infer_request();
    shape_ = shape;
  }

  std::vector<Output> run(const std::vector<float>& images) override {
    request_.set_input_tensor(ov::Tensor(ov::element::f32, shape_, const_cast<float*>(images.data())));
    request_.infer();
    std::vector<Output> outputs;
    for (std::size_t i = 0; i < compiled_.outputs().size(); ++i) {
      const ov::Tensor tensor = request_.get_output_tensor(i);
      const auto& shape = tensor.get_shape();
      outputs.push_back({{shape.begin(), shape.end()}, element_type(tensor.get_element_type()), tensor.data(),
                         tensor.get_byte_size(), compiled_.outputs()[i].get_names()});
    }
    return outputs;
  }

 private:
  // The reader of ONNX files logs by itself what the exception says too.
  std::shared_ptr<ov::Model> read(const std::string& path) {
    const CapturedErrors errors;
    return core_.read_model(path);
  }

  ov::Core core_;
  ov::CompiledModel compiled_;
  ov::InferRequest request_;
  ov::Shape shape_;
};

// OpenVINO says where in its own source it failed, line by line; the last line says what is wrong.
std::string last_line(std::string text) {
  text.erase(text.find_last_not_of(" \n") + 1);
  return text.substr(text.find_last_of('\n') + 1);
}

}  // namespace

extern "C" Engine* make_engine(const EngineSettings& settings) {
  if (settings.device != "CPU") throw UserError("an ONNX model runs on CPU here: leave --device away, or take a MINDIR");
  try {
    return new OpenVinoEngine(settings);
  } catch (const ov::Exception& error) {
    throw UserError(settings.model.string() + ": OpenVINO refuses it: " + last_line(error.what()));
  }
}
