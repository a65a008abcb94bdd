#include "engine.h"

#include <dlfcn.h>

#include <cstdlib>
#include <map>

#include "errors.h"

namespace {

std::string library_for(const std::filesystem::path& model) {
  const std::map<std::string, std::string> libraries = {{".onnx", "openvino_engine"},
                                                        {".mindir", "mindspore_engine"},
                                                        {".ms", "mindspore_engine"},
                                                        {".om", "mindspore_engine"}};
  const auto found = libraries.find(model.extension().string());
  if (found == libraries.end())
    throw UserError(model.string() + ": a model must end in .onnx, .mindir, .ms or .om");
  return found->second + ".so";
}

}  // namespace

std::unique_ptr<Engine> load_engine(const EngineSettings& settings) {
  const auto name = library_for(settings.model);
  const auto library = std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
  if (!std::filesystem::exists(library))
    throw UserError(settings.model.string() + ": this program was built without " + name +
                    "; ascend310_infer/build.sh says what it needs");
  // MindSpore reads its log level when it is loaded, and some reasons of its failures are warnings (level 2).
  const char* level = std::getenv("GLOG_v");
  if (level == nullptr || std::string(level) > "2") setenv("GLOG_v", "2", 1);
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) throw UserError(std::string("the engine cannot be loaded: ") + dlerror());
  auto* make = reinterpret_cast<MakeEngine*>(dlsym(handle, "make_engine"));
  if (make == nullptr) throw UserError(library.string() + ": not an engine of this program");
  return std::unique_ptr<Engine>(make(settings));
}
