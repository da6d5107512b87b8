// Between seedlm.cc (tables, choice, bytes) and seedlm_search.cc (the exhaustive search, compiled once a SIMD
// level).
#pragma once
#include <cstddef>
#include <cstdint>

#include "simd.h"

namespace village {

constexpr uint32_t kSeedlmPositions = 65535;       // non-zero states of the 16-bit register
constexpr uint32_t kSeedlmPositionsPadded = 65536; // a multiple of every lane count; the last has no energy
constexpr uint32_t kSeedlmCandidates = 8;          // best projections that are quantised and compared

struct SeedlmTables {
  // pairs[i] = entries i (low half) and i + P (high half) of the register's sequence from state 1, less
  // 32,768.
  const int32_t* pairs;
  // Rows of the inverse Cholesky factor of U^T U by position, one plane of kSeedlmPositionsPadded an entry;
  // all zero where U is ill-conditioned, which keeps that position out of the search.
  const float* whitening;
};

struct SeedlmCandidate {
  float energy;
  uint32_t position;
};

// For each of `count` blocks (C / 2 pairs of 16-bit integers, low half first, at most 4,095 in size) the
// kSeedlmCandidates positions with the most energy of the block inside the column space of U, best first,
// earlier positions first among equals.
using SeedlmSearch = void (*)(const SeedlmTables& tables, const int32_t* blocks, size_t count,
                              SeedlmCandidate* best);

#define VILLAGE_DECLARE_LEVEL(level) \
  namespace level { \
  void searchC8P3(const SeedlmTables& tables, const int32_t* blocks, size_t count, SeedlmCandidate* best); \
  void searchC12P4(const SeedlmTables& tables, const int32_t* blocks, size_t count, SeedlmCandidate* best); \
  }
VILLAGE_EACH_LEVEL(VILLAGE_DECLARE_LEVEL)
#undef VILLAGE_DECLARE_LEVEL

}  // namespace village
