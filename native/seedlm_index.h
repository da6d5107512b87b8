// What seedlm's search knows before it sees a weight: data-independent tables, the same on every machine. Twin:
// node/compute/reference/seedlm-tables.ts. All arithmetic is integer, or fp64 in a written order rounded once.
//
// The search is an inverted file over directions. kSeedlmCells pseudo-random directions stand for the sphere; the
// list of each holds the seeds whose column space keeps at least a share of that direction. A block looks up the
// direction that it is nearest to and tries the seeds of that list only.
#pragma once
#include <cstddef>
#include <cstdint>

#include "simd.h"

namespace village {

constexpr uint32_t kSeedlmPositions = 65535;       // non-zero states of the 16-bit register
constexpr uint32_t kSeedlmPositionsPadded = 65536; // the last has no energy
constexpr uint32_t kSeedlmCells = 8192;
constexpr uint32_t kSeedlmCoarse = 128; // the first of the directions, which lead to those near them
constexpr uint32_t kSeedlmGroup = 16;   // directions side by side
constexpr uint32_t kSeedlmSlots = 32;   // lists are as long as a multiple of this
constexpr int kSeedlmMaxBlock = 12;
constexpr int kSeedlmMaxCoefficients = 4;

// The register's sequence from state 1 on.
struct SeedlmSequence {
  const float* values;          // as U uses them, wrapped past the end by a block
  const uint16_t* states;
  const uint16_t* positionOf;   // where a state stands
};
const SeedlmSequence& seedlmSequence();

// The same values with those of one phase (P apart) in a row.
struct SeedlmPhases {
  const float* entries[kSeedlmMaxCoefficients]; // entry m of phase s is value P m + s
  size_t stride;                                // from a phase to the next
  const uint8_t* phaseOf;                       // of a state
  const uint16_t* indexOf;                      // of a state
};
const SeedlmPhases& seedlmPhases(int blockWeights);

// Bytes of a position in the records: an orthonormal basis of the column space of U times 127, row r at 8 r for
// the first 8 columns and at 32 + 8 r for the others (the rest is zero).
// A length without crossing of cache lines.
constexpr uint32_t seedlmRecordBytes(int blockWeights) { return blockWeights == 8 ? 32 : 64; }

// 16 directions: C / 2 pairs of 16-bit integers by lane, then by lane kSeedlmCells - 1 - number of the direction.
struct SeedlmDirections {
  const int32_t* groups;
  const uint32_t* starts; // for each coarse direction the first of its groups, and one past the last
};

struct SeedlmIndex {
  const int8_t* records;
  SeedlmDirections coarse;
  SeedlmDirections near;
};
const SeedlmIndex& seedlmIndex(int blockWeights);

struct SeedlmList {
  uint32_t count; // a multiple of kSeedlmSlots
  const uint16_t* positions;
};
// The list of a cell, made at first use; threads share it.
SeedlmList seedlmCellList(int blockWeights, uint32_t cell, SimdLevel level);
// Every position.
SeedlmList seedlmEveryPosition();

}  // namespace village
