// Ternary weights (BitNet b1.58, arXiv 2402.17764): -1, 0 or 1 times a scale of the tensor or of the row. Twin:
// node/compute/reference/ternary.ts.
#pragma once
#include <cstddef>
#include <cstdint>

namespace village {

// A row: its scale as float32 (with row scales), then its trits, `perByte` a byte, the first as the lowest digit.
struct TernaryShape {
  uint32_t rows;
  uint32_t cols;
  uint32_t perByte;  // 5 (base 3) or 4 (base 4)
  bool rowScales;
  float scale;       // of all rows, unless each has its own: 0 or more, finite
};
size_t ternaryBytes(const TernaryShape& shape);
// `data` is rows x cols, row-major, finite. True where nothing was lost.
bool ternaryEncode(const float* data, const TernaryShape& shape, uint8_t* payload);
// False where a byte holds no trits, a digit behind a row's end is not the zero, or a scale is negative or not finite.
bool ternaryDecode(const uint8_t* payload, const TernaryShape& shape, float* data);

}  // namespace village
