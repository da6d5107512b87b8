// The kernels that are compiled once a SIMD level, one namespace a level. dispatch.cc chooses.
#pragma once
#include "kernels.h"
#include "seedlm_search.h"

#if defined(__x86_64__)
#define VILLAGE_WIDE_LEVELS 1
#else
#define VILLAGE_WIDE_LEVELS 0
#endif

namespace village {

#define VILLAGE_DECLARE_LEVEL(level) \
  namespace level { \
  void blockwiseEncode(const float* data, const BlockwiseShape& shape, uint8_t* payload); \
  void searchC8P3(const SeedlmTables& tables, const int32_t* blocks, size_t count, SeedlmCandidate* best); \
  void searchC12P4(const SeedlmTables& tables, const int32_t* blocks, size_t count, SeedlmCandidate* best); \
  }

VILLAGE_DECLARE_LEVEL(baseline)
#if VILLAGE_WIDE_LEVELS
VILLAGE_DECLARE_LEVEL(avx2)
VILLAGE_DECLARE_LEVEL(avx512)
#endif

#undef VILLAGE_DECLARE_LEVEL

}  // namespace village
