// SeedLM's search for the seed and coefficients of a block. Compiled once a SIMD level. Twins:
// node/compute/reference/seedlm-search.ts, and seedlm-wasm.ts beside it.
//
// 1. Positions of the list are ranked by the energy of the block inside the column space of U, in integers: the high
//    half of a key is the energy's, the low half the position. Entry i of the list competes in slot i mod 32; the
//    winners of the slots go on.
// 2. The 16 best of them, side by side, have their coefficients quantised at two exponents by nearest plane (the
//    last first, each with the rounding errors of those after it taken into account), in fp32 in the written order.
//    The least error that is then left wins, earlier candidates first among equals, and has every mixture of nearest and
//    second nearest coefficients tried.
#include "seedlm_search.h"

#include <cstring>

#include "error_feedback.h"
#include "seedlm_keys.h"

namespace village {
namespace VILLAGE_LEVEL {
namespace {

constexpr int kCandidates = 16;
constexpr int kMinExponent = -8;
constexpr int kMaxExponent = 7;
// Adding and taking away 1.5 * 2^23 rounds a float below 2^22 to the nearest integer, ties to even.
constexpr float kRounder = 12582912.0f;
// A column shorter than this share of its length after those before it leaves coefficients without meaning.
constexpr float kMinPivot = 0.0009765625f;
// What a choice must gain over a block of zeros, as a share of the block's energy: more than rounding can feign.
constexpr float kMinGain = 0.000244140625f;

// One lane a candidate.
typedef float Floats __attribute__((vector_size(kCandidates * sizeof(float))));
typedef int32_t Ints __attribute__((vector_size(kCandidates * sizeof(int32_t))));
inline Floats all(float value) { return value - Floats{}; }

// The winners of the slots that have any energy, best first: at most kCandidates.
template <int C>
inline int candidates(const int8_t* records, const SeedlmList& list, const SeedlmProbe& probe, uint32_t* found) {
  const Weights<C> weights(probe);
  Keys first = none();
  Keys second = none();
  for (uint32_t i = 0; i < list.count; i += 2 * kSeedlmGroup) {
    first = larger(first, keysOf<C>(records, list.positions + i, weights));
    second = larger(second, keysOf<C>(records, list.positions + i + kSeedlmGroup, weights));
  }
  uint32_t keys[kSeedlmSlots];
  store(keys, first);
  store(keys + kSeedlmGroup, second);
  uint32_t ranked[kSeedlmSlots] = {};
  uint32_t above[kSeedlmSlots] = {};
  for (uint32_t k = 0; k < kSeedlmSlots; k++)
    for (uint32_t i = 0; i < kSeedlmSlots; i++) above[i] += keys[k] > keys[i];
  for (uint32_t i = 0; i < kSeedlmSlots; i++) ranked[above[i]] = keys[i];
  int count = 0;
  while (count < kCandidates && ranked[count] >> 16 != 0) {
    found[count] = ranked[count] & 65535u;
    count++;
  }
  return count;
}

inline Floats asFloats(Ints bits) { return (Floats)bits; }
inline Ints asInts(Floats values) { return (Ints)values; }

inline Floats held(Floats value) {
  const Floats above = value < -8.0f ? all(-8.0f) : value;
  return above > 7.0f ? all(7.0f) : above;
}

// Coefficients for an exponent, by nearest plane; where bit p of `second` is set, the second nearest for coefficient p.
// Returns the error beyond what the columns leave of the block anyway.
template <int P>
inline Floats quantise(const Floats* centres, const Floats lower[][P], const Floats* pivots, Ints exponent, Ints second,
                       Floats* q) {
  const Floats inverse = asFloats((127 - exponent) << 23);
  const Floats step = asFloats((127 + exponent) << 23);
  Floats error = {};
  for (int p = P - 1; p >= 0; p--) {
    Floats centre = centres[p] * inverse;
    for (int k = p + 1; k < P; k++) centre = centre - lower[k][p] * q[k];
    const Floats nearest = (held(centre) + kRounder) - kRounder;
    const Floats other = held(centre > nearest ? nearest + 1.0f : nearest - 1.0f);
    q[p] = ((second >> p) & 1) != 0 ? other : nearest;
    const Floats off = centre - q[p];
    error = error + pivots[p] * (off * off);
  }
  return error * (step * step);
}

template <int C, int P>
inline void choose(const int8_t* records, const float* values, const SeedlmList& list, const SeedlmProbe& probe,
                   const float* weights, const float* roots, SeedlmChoice* choice) {
  *choice = SeedlmChoice{0, kMinExponent, {0, 0, 0, 0}};
  uint32_t found[kCandidates];
  const int count = candidates<C>(records, list, probe, found);
  if (count == 0) return;
  Floats u[C][P];
  for (int lane = 0; lane < kCandidates; lane++) {
    const float* entries = values + found[lane < count ? lane : 0];
    for (int c = 0; c < C; c++)
      for (int p = 0; p < P; p++) u[c][p][lane] = entries[c * P + p];
  }
  float target[C];
  float whole = 0;
  for (int c = 0; c < C; c++) {
    target[c] = weights[c];
    if (roots != nullptr) {
      target[c] = weights[c] * roots[c];
      for (int p = 0; p < P; p++) u[c][p] = u[c][p] * roots[c];
    }
    whole = whole + target[c] * target[c];
  }
  // U^T U = L D L^T, L unit lower triangular; `scaled` is L D.
  Floats lower[P][P], scaled[P][P], pivots[P], along[P], centres[P];
  Ints usable = Ints{} - 1;
  Floats energy = {};
  for (int row = 0; row < P; row++) {
    for (int col = 0; col <= row; col++) {
      Floats sum = u[0][row] * u[0][col];
      for (int c = 1; c < C; c++) sum = sum + u[c][row] * u[c][col];
      const Floats gram = sum;
      for (int k = 0; k < col; k++) sum = sum - scaled[row][k] * lower[col][k];
      if (col < row) {
        scaled[row][col] = sum;
        lower[row][col] = sum / pivots[col];
      } else {
        pivots[row] = sum;
        usable = usable & (sum > gram * kMinPivot);
      }
    }
    Floats sum = u[0][row] * target[0];
    for (int c = 1; c < C; c++) sum = sum + u[c][row] * target[c];
    for (int k = 0; k < row; k++) sum = sum - lower[row][k] * along[k];
    along[row] = sum;
    centres[row] = sum / pivots[row];
    energy = energy + sum * centres[row];
  }
  Floats exact[P];
  Floats largest = {};
  for (int p = P - 1; p >= 0; p--) {
    Floats sum = centres[p];
    for (int k = p + 1; k < P; k++) sum = sum - lower[k][p] * exact[k];
    exact[p] = sum;
    const Floats size = sum < 0.0f ? -sum : sum;
    largest = size > largest ? size : largest;
  }
  // e = ceil(log2(largest / 7.5)), held to what four bits can say.
  Ints exponent = ((asInts(largest / 7.5f) + 0x7fffff) >> 23) - 127;
  exponent = exponent < kMinExponent ? Ints{} + kMinExponent : exponent;
  exponent = exponent > kMaxExponent ? Ints{} + kMaxExponent : exponent;

  float bestLoss = -(whole * kMinGain);
  int best = -1;
  for (int attempt = 0; attempt < 2; attempt++) {
    const Ints tried = exponent - attempt;
    Floats q[P];
    const Floats loss = quantise<P>(centres, lower, pivots, tried, Ints{}, q) - energy;
    const Ints allowed = usable & (tried >= kMinExponent);
    for (int lane = 0; lane < count; lane++) {
      if (!allowed[lane] || !(loss[lane] < bestLoss)) continue;
      bestLoss = loss[lane];
      best = lane;
      choice->position = found[lane];
      choice->exponent = tried[lane];
      for (int p = 0; p < P; p++) choice->coefficients[p] = static_cast<int32_t>(q[p][lane]);
    }
  }
  if (best < 0) return;

  // The best with every mixture of nearest and second nearest coefficients, one a lane.
  for (int row = 0; row < P; row++) {
    centres[row] = all(centres[row][best]);
    pivots[row] = all(pivots[row][best]);
    for (int col = 0; col < row; col++) lower[row][col] = all(lower[row][col][best]);
  }
  const Ints mixtures = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  Floats q[P];
  const Floats loss =
      quantise<P>(centres, lower, pivots, Ints{} + choice->exponent, mixtures, q) - all(energy[best]);
  for (int lane = 1; lane < 1 << P; lane++) {
    if (!(loss[lane] < bestLoss)) continue;
    bestLoss = loss[lane];
    for (int p = 0; p < P; p++) choice->coefficients[p] = static_cast<int32_t>(q[p][lane]);
  }
}

// By lane the dot product of two pairs of 16-bit integers.
inline Ints multiplyPairs(const Ints& a, const Ints& b) {
#if defined(__AVX512BW__)
  return (Ints)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  __m256i x[2], y[2];
  std::memcpy(x, &a, sizeof x);
  std::memcpy(y, &b, sizeof y);
  for (int i = 0; i < 2; i++) x[i] = _mm256_madd_epi16(x[i], y[i]);
  Ints products;
  std::memcpy(&products, x, sizeof x);
  return products;
#else
  return ((a << 16) >> 16) * ((b << 16) >> 16) + (a >> 16) * (b >> 16);
#endif
}

// The largest key of the groups: the size of the dot product above the number of the direction, counted down.
template <int C>
inline uint32_t nearest(const int32_t* groups, uint32_t from, uint32_t to, const SeedlmProbe& probe) {
  constexpr uint32_t kLength = (C / 2 + 1) * kSeedlmGroup;
  Ints pairs[C / 2];
  for (int c = 0; c < C; c += 2)
    pairs[c / 2] = Ints{} + static_cast<int32_t>((static_cast<uint32_t>(probe.weights[c]) & 65535u) |
                                                 (static_cast<uint32_t>(probe.weights[c + 1]) << 16));
  Ints best = {};
  for (uint32_t group = from; group < to; group++) {
    const auto* at = reinterpret_cast<const char*>(groups + size_t(group) * kLength);
    Ints dot = {};
    Ints entry;
    for (int c = 0; c < C / 2; c++) {
      std::memcpy(&entry, at + c * sizeof entry, sizeof entry);
      dot += multiplyPairs(entry, pairs[c]);
    }
    std::memcpy(&entry, at + C / 2 * sizeof entry, sizeof entry);
    const Ints key = (dot < 0 ? -dot : dot) * int32_t(kSeedlmCells) + entry;
    best = key > best ? key : best;
  }
  int32_t largest = 0;
  for (uint32_t lane = 0; lane < kSeedlmGroup; lane++) largest = best[lane] > largest ? best[lane] : largest;
  return kSeedlmCells - 1 - (static_cast<uint32_t>(largest) & (kSeedlmCells - 1));
}

template <int C>
inline uint32_t cellOf(const SeedlmIndex& index, const SeedlmProbe& probe) {
  const uint32_t coarse = nearest<C>(index.coarse.groups, index.coarse.starts[0], index.coarse.starts[1], probe);
  return nearest<C>(index.near.groups, index.near.starts[coarse], index.near.starts[coarse + 1], probe);
}

template <int C>
inline uint32_t keep(const int8_t* records, const SeedlmProbe& probe, uint32_t least, uint16_t* kept) {
  const Weights<C> weights(probe);
  const uint32_t bound = least << 16;
  const uint16_t* every = seedlmEveryPosition().positions;
  uint32_t keys[kSeedlmGroup];
  uint32_t count = 0;
  for (uint32_t first = 0; first < kSeedlmPositionsPadded; first += kSeedlmGroup) {
    store(keys, keysOf<C>(records, every + first, weights));
    uint32_t largest = 0;
    for (uint32_t lane = 0; lane < kSeedlmGroup; lane++) largest = keys[lane] > largest ? keys[lane] : largest;
    if (largest < bound) continue;
    for (uint32_t lane = 0; lane < kSeedlmGroup; lane++) {
      kept[count] = static_cast<uint16_t>(first + lane);
      count += keys[lane] >= bound;
    }
  }
  return count;
}

}  // namespace

uint32_t seedlmKeep(const int8_t* records, int blockWeights, const SeedlmProbe& probe, uint32_t least,
                    uint16_t* kept) {
  return blockWeights == 8 ? keep<8>(records, probe, least, kept) : keep<12>(records, probe, least, kept);
}

uint32_t seedlmCell(const SeedlmIndex& index, int blockWeights, const SeedlmProbe& probe) {
  return blockWeights == 8 ? cellOf<8>(index, probe) : cellOf<12>(index, probe);
}

void seedlmChoose(const int8_t* records, const float* values, int blockWeights, const SeedlmList& list,
                  const SeedlmProbe& probe, const float* weights, const float* roots, SeedlmChoice* choice) {
  if (blockWeights == 8) choose<8, 3>(records, values, list, probe, weights, roots, choice);
  else choose<12, 4>(records, values, list, probe, weights, roots, choice);
}

void seedlmFeedBack(float* weights, uint32_t rows, const float* errors, const float* feedback, uint32_t cols,
                    uint32_t first, uint32_t count) {
  feedBack(weights, cols, errors, kSeedlmMaxBlock, rows, feedback, cols, first, count, first + count, cols);
}

}  // namespace VILLAGE_LEVEL
}  // namespace village
