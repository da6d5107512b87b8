// The compute kernels of the village: what binding.cc may call. Pure C++, no Node, no allocation visible to
// callers. Every function gives the same bytes as its TypeScript twin in node/compute/reference/ and the same
// at every SIMD level: arithmetic is fp32 or fp64 in a written order, without fused multiply-add; lanes only
// run independent items side by side.
#pragma once
#include <cstddef>
#include <cstdint>

namespace village {

// Raised with every change of what a kernel takes or gives; node/compute/kernels.ts refuses an addon of
// another revision.
constexpr int kRevision = 3;

// Instruction sets that the kernels were compiled for, narrowest first. `baseline` is SSE2 on x86-64 and NEON
// on ARM64.
enum class SimdLevel : int { baseline = 0, avx2 = 1, avx512 = 2 };

// The widest level that this processor has.
SimdLevel widestLevel();
// What a level is called here: "sse2", "neon", "portable", "avx2", "avx512".
const char* levelName(SimdLevel level);

// Block-wise integers of 4 or 8 bits (see docs/compression.md). `data` is rows x cols, row-major, finite, and
// at most 2^27 * 2^scaleExponent in size.
struct BlockwiseShape {
  uint32_t rows;
  uint32_t cols;
  uint32_t bits;         // 4 or 8
  uint32_t blockSize;    // 16 to 256
  bool zeroPoints;       // one integer zero point a block, otherwise 2^(bits-1)
  uint32_t scaleBytes;   // 2 (half) or 4 (float)
  int32_t scaleExponent; // weights are divided by 2^scaleExponent first; half scales are stored so divided
};
size_t blockwiseBytes(const BlockwiseShape& shape);
void blockwiseEncode(const float* data, const BlockwiseShape& shape, SimdLevel level, uint8_t* payload);
void blockwiseDecode(const uint8_t* payload, const BlockwiseShape& shape, float* data);

// SeedLM (arXiv 2410.10714), K = 16. Blocks of 8 weights with 3 coefficients, or of 12 with 4.
// `data` is finite and at most 2^12 * scale in size.
struct SeedlmShape {
  uint32_t rows;
  uint32_t cols;
  uint32_t blockWeights; // C: 8 or 12
  uint32_t coefficients; // P: 3 or 4, fixed by C
  float scale;           // S: weights are divided by it before the search
};
size_t seedlmBytes(const SeedlmShape& shape);
void seedlmEncode(const float* data, const SeedlmShape& shape, SimdLevel level, uint8_t* payload);
void seedlmDecode(const uint8_t* payload, const SeedlmShape& shape, float* data);

}  // namespace village
