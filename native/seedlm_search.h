// Between seedlm.cc and seedlm_search.cc, which is compiled once a SIMD level.
#pragma once
#include "seedlm.h"
#include "seedlm_index.h"

namespace village {

struct SeedlmChoice {
  uint32_t position;
  int32_t exponent;
  int32_t coefficients[kSeedlmMaxCoefficients];
};

// The block as the search of positions sees it: integers of at most 127.
struct SeedlmProbe {
  int8_t weights[16];
};

#define VILLAGE_DECLARE_LEVEL(level) \
  namespace level { \
  /* The positions whose keys have at least `least` in the high half, ascending; `kept` has room for all of them. */ \
  uint32_t seedlmKeep(const int8_t* records, int blockWeights, const SeedlmProbe& probe, uint32_t least, \
                      uint16_t* kept); \
  /* The cell of a probe that is not all zero. */ \
  uint32_t seedlmCell(const SeedlmIndex& index, int blockWeights, const SeedlmProbe& probe); \
  /* The best choice for C weights among the positions of the list; `roots` (null: all 1) are the square roots of how */ \
  /* much the errors of the weights count, 0 for those that do not. */ \
  void seedlmChoose(const int8_t* records, const float* values, int blockWeights, const SeedlmList& list, \
                    const SeedlmProbe& probe, const float* weights, const float* roots, SeedlmChoice* choice); \
  /* Takes the errors of `count` columns from `first` on (kSeedlmMaxBlock a row) to the columns after them. */ \
  void seedlmFeedBack(float* weights, uint32_t rows, const float* errors, const float* feedback, uint32_t cols, \
                      uint32_t first, uint32_t count); \
  /* Fills a row, but for its outliers. */ \
  void seedlmDecodeRow(const uint8_t* packed, const SeedlmShape& shape, float* out); \
  }
VILLAGE_EACH_LEVEL(VILLAGE_DECLARE_LEVEL)
#undef VILLAGE_DECLARE_LEVEL

}  // namespace village
