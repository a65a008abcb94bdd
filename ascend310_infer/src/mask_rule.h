#pragma once

/// What the cells of a mask are stretched over: the box, or the whole pixels that torchvision takes.
enum class Pasting { kExact, kTorchvision };

/// How the masks of a model become pixels.
struct MaskRule {
  double threshold = 0.5;  ///< a pixel is the object's if its probability is greater
  Pasting pasting = Pasting::kExact;
};
