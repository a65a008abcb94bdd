// Part of a build with SANITIZE: OpenVINO opens its plug-ins with RTLD_DEEPBIND, which would bind them past the sanitizers, so that
// these end the program. The library is opened without.
#include <dlfcn.h>

extern "C" void* dlopen(const char* file, int mode) {
  using Open = void*(const char*, int);
  static auto* const open = reinterpret_cast<Open*>(dlsym(RTLD_NEXT, "dlopen"));
  return open(file, mode & ~RTLD_DEEPBIND);
}
