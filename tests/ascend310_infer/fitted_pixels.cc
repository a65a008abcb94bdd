// What the program gives to a network, for the tests: fitted_pixels HEIGHT WIDTH KEEP_RATIO(0|1) SHORTER(0: no sides) LONGER OUT FILE
// ... writes for each file its scale (x, y) as two doubles and then float32 [3, HEIGHT, WIDTH], all into OUT.
#include <cstdlib>
#include <fstream>
#include <vector>

#include "fit.h"
#include "image_file.h"

int main(int count, char** words) {
  const int height = std::atoi(words[1]), width = std::atoi(words[2]);
  ResizeRule rule;
  rule.keep_ratio = std::atoi(words[3]) != 0;
  if (const int shorter = std::atoi(words[4])) rule.sides = {shorter, std::atoi(words[5])};
  std::ofstream out(words[6], std::ios::binary);
  std::vector<float> planes(3UL * static_cast<std::size_t>(height) * static_cast<std::size_t>(width));
  for (int i = 7; i < count; ++i) {
    const Fitted fitted = fit_to_input(read_image(words[i]), height, width, rule);
    copy_planes(fitted.pixels, planes.data());
    out.write(reinterpret_cast<const char*>(&fitted.scale), sizeof fitted.scale);
    out.write(reinterpret_cast<const char*>(planes.data()), static_cast<std::streamsize>(planes.size() * sizeof(float)));
  }
  return out.flush() ? 0 : 1;
}
