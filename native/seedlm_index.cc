// Tables of seedlm: see seedlm_index.h.
#include "seedlm_index.h"

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "seedlm_search.h"

namespace village {
namespace {

// Below this share of its own length left after projection, a column of U is called dependent on the ones before
// it, and its seed is left out.
constexpr double kMinPivot = 0.05;
// Energies are those of 127 times a unit vector.
constexpr double kRecordScale = 127;
// A seed is in the list of a direction if it keeps this share of its squared length.
constexpr double kListShare8 = 0.85;
constexpr double kListShare12 = 0.71;
// A direction is near a coarse one if its squared cosine to it is at least this.
constexpr double kNearShare8 = 0.36;
constexpr double kNearShare12 = 0.28;

uint32_t nextState(uint32_t state) {
  const uint32_t feedback = (state ^ (state >> 1) ^ (state >> 3) ^ (state >> 12)) & 1u;
  return (state >> 1) | (feedback << 15);
}

// Orthonormal rows of the column space of the U that starts at `u`, by Gram-Schmidt. False where columns are nearly
// dependent.
bool orthonormalise(const float* u, int C, int P, double basis[][kSeedlmMaxBlock]) {
  for (int row = 0; row < P; row++) {
    double whole = 0;
    for (int c = 0; c < C; c++) {
      basis[row][c] = static_cast<double>(u[c * P + row]);
      whole += basis[row][c] * basis[row][c];
    }
    for (int k = 0; k < row; k++) {
      double along = 0;
      for (int c = 0; c < C; c++) along += basis[k][c] * basis[row][c];
      for (int c = 0; c < C; c++) basis[row][c] -= along * basis[k][c];
    }
    double left = 0;
    for (int c = 0; c < C; c++) left += basis[row][c] * basis[row][c];
    if (!(left > kMinPivot * whole)) return false;
    const double length = std::sqrt(left);
    for (int c = 0; c < C; c++) basis[row][c] /= length;
  }
  return true;
}

int8_t toRecord(double value) { return static_cast<int8_t>(std::floor(value * kRecordScale + 0.5)); }

struct MadeIndex {
  int C;
  std::vector<int8_t> records;
  std::vector<int8_t> directions; // C a direction
  std::vector<int32_t> coarseGroups;
  std::vector<int32_t> nearGroups;
  std::vector<uint32_t> nearStarts;
  uint32_t coarseStarts[2];
  SeedlmIndex index;
  std::atomic<uint16_t*> lists[kSeedlmCells]; // the count / kSeedlmSlots, then the positions

  explicit MadeIndex(int blockWeights) : C(blockWeights) {
    for (auto& list : lists) list.store(nullptr, std::memory_order_relaxed);
    makeRecords();
    makeDirections();
    std::vector<uint32_t> members;
    for (uint32_t i = 0; i < kSeedlmCoarse; i++) members.push_back(i);
    coarseStarts[0] = 0;
    appendGroups(members, coarseGroups);
    coarseStarts[1] = kSeedlmCoarse / kSeedlmGroup;
    makeNear();
    index.records = records.data();
    index.coarse = SeedlmDirections{coarseGroups.data(), coarseStarts};
    index.near = SeedlmDirections{nearGroups.data(), nearStarts.data()};
  }

  size_t groupLength() const { return size_t(C / 2 + 1) * kSeedlmGroup; }

  void makeRecords() {
    const int P = C == 8 ? 3 : 4;
    const uint32_t stride = seedlmRecordBytes(C);
    const float* values = seedlmSequence().values;
    records.assign(size_t(kSeedlmPositionsPadded) * stride + 64, 0);
    double basis[kSeedlmMaxCoefficients][kSeedlmMaxBlock];
    for (uint32_t position = 0; position < kSeedlmPositions; position++) {
      if (!orthonormalise(values + position, C, P, basis)) continue;
      int8_t* record = &records[size_t(position) * stride];
      for (int row = 0; row < P; row++)
        for (int c = 0; c < C; c++) record[c < 8 ? row * 8 + c : 24 + row * 8 + c] = toRecord(basis[row][c]);
    }
  }

  // Sums of four bytes of a linear congruential generator, brought to length 127.
  void makeDirections() {
    directions.resize(size_t(kSeedlmCells) * C);
    uint32_t state = static_cast<uint32_t>(C);
    double direction[kSeedlmMaxBlock];
    for (uint32_t i = 0; i < kSeedlmCells; i++) {
      double squared = 0;
      for (int c = 0; c < C; c++) {
        int32_t sum = -510;
        for (int k = 0; k < 4; k++) {
          state = state * 1664525u + 1013904223u;
          sum += static_cast<int32_t>(state >> 24);
        }
        direction[c] = sum;
        squared += direction[c] * direction[c];
      }
      const double length = std::sqrt(squared);
      for (int c = 0; c < C; c++) directions[size_t(i) * C + c] = toRecord(direction[c] / length);
    }
  }

  void appendGroups(const std::vector<uint32_t>& members, std::vector<int32_t>& groups) {
    for (size_t first = 0; first < members.size(); first += kSeedlmGroup) {
      const size_t at = groups.size();
      groups.resize(at + groupLength(), 0);
      for (size_t lane = 0; lane < kSeedlmGroup && first + lane < members.size(); lane++) {
        const uint32_t member = members[first + lane];
        const int8_t* direction = &directions[size_t(member) * C];
        for (int c = 0; c < C; c += 2) {
          const uint32_t low = static_cast<uint32_t>(direction[c]) & 65535u;
          const uint32_t high = static_cast<uint32_t>(direction[c + 1]) << 16;
          groups[at + size_t(c / 2) * kSeedlmGroup + lane] = static_cast<int32_t>(low | high);
        }
        groups[at + size_t(C / 2) * kSeedlmGroup + lane] = static_cast<int32_t>(kSeedlmCells - 1 - member);
      }
    }
  }

  void makeNear() {
    const double share = C == 8 ? kNearShare8 : kNearShare12;
    const int32_t least = static_cast<int32_t>(std::floor(kRecordScale * kRecordScale * std::sqrt(share)));
    std::vector<uint32_t> members;
    for (uint32_t coarse = 0; coarse < kSeedlmCoarse; coarse++) {
      nearStarts.push_back(static_cast<uint32_t>(nearGroups.size() / groupLength()));
      members.clear();
      const int8_t* a = &directions[size_t(coarse) * C];
      for (uint32_t i = 0; i < kSeedlmCells; i++) {
        const int8_t* b = &directions[size_t(i) * C];
        int32_t dot = 0;
        for (int c = 0; c < C; c++) dot += int32_t(a[c]) * b[c];
        if ((dot < 0 ? -dot : dot) >= least) members.push_back(i);
      }
      appendGroups(members, nearGroups);
    }
    nearStarts.push_back(static_cast<uint32_t>(nearGroups.size() / groupLength()));
  }

  uint16_t* makeList(uint32_t cell, SimdLevel level) const {
    SeedlmProbe probe{};
    double squared = 0;
    for (int c = 0; c < C; c++) {
      probe.weights[c] = directions[size_t(cell) * C + c];
      squared += static_cast<double>(probe.weights[c]) * probe.weights[c];
    }
    const double share = C == 8 ? kListShare8 : kListShare12;
    const uint32_t least = static_cast<uint32_t>(std::floor(squared * (kRecordScale * kRecordScale) * share));
    std::vector<uint16_t> kept(kSeedlmPositionsPadded + 1);
    uint32_t count = VILLAGE_AT_LEVEL(level, seedlmKeep)(records.data(), C, probe, least >> 16, kept.data());
    while (count == 0 || count % kSeedlmSlots != 0) kept[count++] = kSeedlmPositions;
    auto* list = static_cast<uint16_t*>(std::malloc((count + 1) * sizeof(uint16_t)));
    list[0] = static_cast<uint16_t>(count / kSeedlmSlots);
    std::memcpy(list + 1, kept.data(), count * sizeof(uint16_t));
    return list;
  }
};

MadeIndex& madeIndex(int blockWeights) {
  if (blockWeights == 8) {
    static auto* eight = new MadeIndex(8);
    return *eight;
  }
  static auto* twelve = new MadeIndex(12);
  return *twelve;
}

}  // namespace

const SeedlmSequence& seedlmSequence() {
  static const SeedlmSequence* sequence = [] {
    const size_t length = kSeedlmPositionsPadded + kSeedlmMaxBlock * kSeedlmMaxCoefficients;
    auto* values = new float[length];
    auto* states = new uint16_t[kSeedlmPositions];
    auto* positionOf = new uint16_t[65536]();
    uint32_t state = 1;
    for (uint32_t i = 0; i < kSeedlmPositions; i++) {
      states[i] = static_cast<uint16_t>(state);
      positionOf[state] = static_cast<uint16_t>(i);
      values[i] = static_cast<float>(static_cast<int32_t>(state) - 32768) / 32767.0f;
      state = nextState(state);
    }
    for (size_t i = kSeedlmPositions; i < length; i++) values[i] = values[i - kSeedlmPositions];
    return new SeedlmSequence{values, states, positionOf};
  }();
  return *sequence;
}

namespace {

const SeedlmPhases* makePhases(int P) {
  const size_t stride = (kSeedlmPositions + P - 1) / P + 2 * kSeedlmMaxBlock;
  auto* entries = new float[stride * P + kSeedlmMaxBlock];
  auto* phaseOf = new uint8_t[65536]();
  auto* indexOf = new uint16_t[65536]();
  const SeedlmSequence& sequence = seedlmSequence();
  auto* phases = new SeedlmPhases{{}, stride, phaseOf, indexOf};
  for (int s = 0; s < P; s++) {
    phases->entries[s] = entries + s * stride;
    for (size_t m = 0; m < stride; m++)
      entries[s * stride + m] = sequence.values[(m * P + s) % kSeedlmPositions];
  }
  for (uint32_t state = 1; state < 65536; state++) {
    phaseOf[state] = static_cast<uint8_t>(sequence.positionOf[state] % P);
    indexOf[state] = static_cast<uint16_t>(sequence.positionOf[state] / P);
  }
  return phases;
}

}  // namespace

const SeedlmPhases& seedlmPhases(int blockWeights) {
  static const SeedlmPhases* three = makePhases(3);
  static const SeedlmPhases* four = makePhases(4);
  return blockWeights == 8 ? *three : *four;
}

const SeedlmIndex& seedlmIndex(int blockWeights) { return madeIndex(blockWeights).index; }

SeedlmList seedlmCellList(int blockWeights, uint32_t cell, SimdLevel level) {
  MadeIndex& made = madeIndex(blockWeights);
  uint16_t* list = made.lists[cell].load(std::memory_order_acquire);
  if (list == nullptr) {
    // Two threads may make it at once: they make the same, and one of them throws its own away.
    uint16_t* mine = made.makeList(cell, level);
    if (made.lists[cell].compare_exchange_strong(list, mine, std::memory_order_acq_rel)) list = mine;
    else std::free(mine);
  }
  return SeedlmList{uint32_t(list[0]) * kSeedlmSlots, list + 1};
}

SeedlmList seedlmEveryPosition() {
  static const uint16_t* every = [] {
    auto* positions = new uint16_t[kSeedlmPositionsPadded];
    for (uint32_t i = 0; i < kSeedlmPositionsPadded; i++) positions[i] = static_cast<uint16_t>(i);
    return positions;
  }();
  return SeedlmList{kSeedlmPositionsPadded, every};
}

}  // namespace village
