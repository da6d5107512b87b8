// Chooses the widest instruction set that the processor has, and the kernels compiled for it.
#include "levels.h"

namespace village {

SimdLevel widestLevel() {
#if VILLAGE_WIDE_LEVELS
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return SimdLevel::avx512;
  if (__builtin_cpu_supports("avx2")) return SimdLevel::avx2;
#endif
  return SimdLevel::baseline;
}

const char* levelName(SimdLevel level) {
  if (level == SimdLevel::avx512) return "avx512";
  if (level == SimdLevel::avx2) return "avx2";
#if defined(__SSE2__)
  return "sse2";
#elif defined(__ARM_NEON)
  return "neon";
#else
  return "portable";
#endif
}

void blockwiseEncode(const float* data, const BlockwiseShape& shape, SimdLevel level, uint8_t* payload) {
#if VILLAGE_WIDE_LEVELS
  if (level == SimdLevel::avx512) return avx512::blockwiseEncode(data, shape, payload);
  if (level == SimdLevel::avx2) return avx2::blockwiseEncode(data, shape, payload);
#endif
  static_cast<void>(level);
  baseline::blockwiseEncode(data, shape, payload);
}

SeedlmSearch seedlmSearch(uint32_t blockWeights, SimdLevel level) {
  const bool eight = blockWeights == 8;
#if VILLAGE_WIDE_LEVELS
  if (level == SimdLevel::avx512) return eight ? avx512::searchC8P3 : avx512::searchC12P4;
  if (level == SimdLevel::avx2) return eight ? avx2::searchC8P3 : avx2::searchC12P4;
#endif
  static_cast<void>(level);
  return eight ? baseline::searchC8P3 : baseline::searchC12P4;
}

}  // namespace village
