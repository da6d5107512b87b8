// What this processor has.
#include "simd.h"

namespace village {

SimdLevel widestLevel() {
#if VILLAGE_WIDE_LEVELS
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return SimdLevel::avx512;
  // Every processor with AVX2 has F16C; a virtual one may hide it.
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c")) return SimdLevel::avx2;
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

}  // namespace village
