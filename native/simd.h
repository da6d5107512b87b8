// Instruction sets. A file that build-native.js lists as one by level is compiled once for each: its kernels are in
// the namespace VILLAGE_LEVEL, and VILLAGE_AT_LEVEL chooses among them at run time.
#pragma once

namespace village {

// Narrowest first. `baseline` is SSE2 on x86-64 and NEON on ARM64.
enum class SimdLevel : int { baseline = 0, avx2 = 1, avx512 = 2 };

// The widest level that this processor has.
SimdLevel widestLevel();
// What a level is called here: "sse2", "neon", "portable", "avx2", "avx512".
const char* levelName(SimdLevel level);

}  // namespace village

#if defined(__x86_64__)
#define VILLAGE_WIDE_LEVELS 1
// VILLAGE_EACH_LEVEL(DECLARE) declares a family's kernels in the namespace of each level.
#define VILLAGE_EACH_LEVEL(declare) declare(baseline) declare(avx2) declare(avx512)
#define VILLAGE_AT_LEVEL(level, kernel) \
  ((level) == SimdLevel::avx512 ? avx512::kernel : (level) == SimdLevel::avx2 ? avx2::kernel : baseline::kernel)
#else
#define VILLAGE_WIDE_LEVELS 0
#define VILLAGE_EACH_LEVEL(declare) declare(baseline)
#define VILLAGE_AT_LEVEL(level, kernel) (static_cast<void>(level), baseline::kernel)
#endif
