// Masks as the program writes them, for the tests: pasted_masks SIDE WIDTH HEIGHT THRESHOLD PASTING IN, where PASTING is exact or
// torchvision, writes a line of run lengths for each mask of IN, which holds the box (x1, y1, x2, y2) as four doubles and then
// float32 [SIDE, SIDE], one mask after another.
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

#include "mask.h"
#include "rle.h"

int main(int, char** words) {
  SoftMask mask;
  mask.side = std::atoi(words[1]);
  mask.rule = {std::atof(words[4]), std::string(words[5]) == "exact" ? Pasting::kExact : Pasting::kTorchvision};
  mask.cells.resize(static_cast<std::size_t>(mask.side) * static_cast<std::size_t>(mask.side));
  const cv::Size picture(std::atoi(words[2]), std::atoi(words[3]));
  std::ifstream in(words[6], std::ios::binary);
  while (in.read(reinterpret_cast<char*>(&mask.box), sizeof mask.box) &&
         in.read(reinterpret_cast<char*>(mask.cells.data()), static_cast<std::streamsize>(mask.cells.size() * sizeof(float))))
    std::cout << rle_text(paste(mask, picture), picture) << "\n";
  return 0;
}
