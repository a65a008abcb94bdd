#pragma once

/// The extent of a mask in the picture: exactly that of its padded box, or rounded to whole pixels, as torchvision does.
enum class Pasting { kExact, kTorchvision };

/// How the predicted masks of a model become pixels of the picture.
struct MaskRule {
  double threshold = 0.5;  ///< a pixel belongs to the object if its probability is greater
  Pasting pasting = Pasting::kExact;
};
