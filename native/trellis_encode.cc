// The encoder of the trellis codec. Compiled once a SIMD level. Twin: node/compute/reference/trellis-encode.ts. Scales
// are chosen in fp64, everything else is fp32 in the written order, on weights over 2^scaleExponent.
#include <cmath>

#include "error_feedback.h"
#include "trellis_search.h"

namespace village {
namespace VILLAGE_LEVEL {
namespace {

constexpr uint32_t kUndecided = 64;        // columns at the end of a search that the next one decides
constexpr uint32_t kFeedbackColumns = 16;  // decided together before their errors move the targets after them
constexpr uint32_t kLookAhead = 32;        // columns after them that the search looks at as well
constexpr uint32_t kFeedbackRowsTogether = 32;
// A feedback that is not of these weights must not make infinite costs.
constexpr float kLargestTarget = 1048576.0f;

// The code of the scale nearest to `scale` (not negative, over 2^scaleExponent), by ratio.
uint32_t codeOfScale(double scale) {
  constexpr double kBorders[8] = {1.0442737824274138, 1.1387886347566916, 1.241857812073484,
                                  1.3542555469368927, 1.4768261459394993, 1.6104903319492543,
                                  1.7562521603732995, 1.9152065613971474};
  if (!(scale >= 0x1p-40)) return 0;
  if (scale >= 1) return 255;
  int32_t exponent = 0;
  for (; scale < 1; exponent--) scale *= 2;
  int32_t eighths = 0;
  while (eighths < 8 && scale >= kBorders[eighths]) eighths++;
  const int32_t code = 255 + 8 * exponent + eighths;
  return code > 0 ? static_cast<uint32_t>(code) : 0;
}

// A row on its way; the memory is the encoder's.
struct Row {
  float* weights;  // over 2^scaleExponent; with feedback, what is left to reach
  uint8_t* codes;
  uint16_t* states;
  uint32_t history;
};

template <uint32_t bits>
class Encoder {
 public:
  // Takes up to `strip` rows at a time.
  Encoder(const TrellisShape& shape, const TrellisAids& aids, uint32_t strip)
      : shape_(shape),
        layout_(trellisRow(shape)),
        feedback_(aids.feedback),
        values_(trellisValues(bits)),
        columnWeights_(shape.cols),
        weights_(size_t(strip) * shape.cols),
        codes_(size_t(strip) * layout_.blocks),
        states_(size_t(strip) * shape.cols),
        errors_(size_t(strip) * kFeedbackColumns) {
    for (uint32_t col = 0; col < shape.cols; col++)
      columnWeights_[col] = aids.columnWeights == nullptr ? 1.0f : aids.columnWeights[col];
    for (uint32_t state = 0; state < kTrellisStates; state++)
      if (values_[state] > largestValue_) largestValue_ = values_[state];
  }

  // `packed` must be zero.
  void encode(const float* data, uint32_t rows, uint8_t* packed) {
    const float scaling = trellisPowerOfTwo(-shape_.scaleExponent);
    for (size_t i = 0; i < size_t(rows) * shape_.cols; i++) weights_[i] = data[i] * scaling;
    if (feedback_ != nullptr) {
      searchWithFeedback(rows);
    } else {
      for (uint32_t r = 0; r < rows; r++) {
        searchRow(row(r));
        refineCodes(row(r));
      }
    }
    for (uint32_t r = 0; r < rows; r++) write(row(r), packed + r * layout_.bytes);
  }

 private:
  Row row(uint32_t index) {
    return Row{&weights_[size_t(index) * shape_.cols], &codes_[size_t(index) * layout_.blocks],
               &states_[size_t(index) * shape_.cols], firstHistory(bits)};
  }

  uint32_t blockEnd(uint32_t first) const {
    return shape_.cols - first < shape_.blockSize ? shape_.cols : first + shape_.blockSize;
  }

  // The scale that makes the root mean square 1, but lets the curve reach the largest weight.
  void chooseCode(const Row& row, uint32_t block) const {
    const uint32_t first = block * shape_.blockSize;
    const uint32_t end = blockEnd(first);
    double squares = 0;
    float largest = 0;
    for (uint32_t col = first; col < end; col++) {
      const float weight = row.weights[col];
      squares += double(weight) * weight;
      const float size = weight < 0 ? -weight : weight;
      if (size > largest) largest = size;
    }
    const double spread = std::sqrt(squares / (end - first));
    const double reach = double(largest) / largestValue_;
    row.codes[block] = static_cast<uint8_t>(codeOfScale(spread > reach ? spread : reach));
  }

  void addToSearch(const Row& row, uint32_t col) {
    const float scale = scaleOfCode(row.codes[col / shape_.blockSize]);
    if (scale == 0) {
      search_.add(0, 0);
      return;
    }
    float target = row.weights[col] * (1.0f / scale);
    if (!(target < kLargestTarget)) target = kLargestTarget;
    if (target < -kLargestTarget) target = -kLargestTarget;
    search_.add(target, columnWeights_[col]);
  }

  void searchRow(Row row) {
    for (uint32_t block = 0; block < layout_.blocks; block++) chooseCode(row, block);
    for (uint32_t first = 0, end = 0; first < shape_.cols; first = end) {
      const uint32_t seen = shape_.cols - first < kWindow ? shape_.cols : first + kWindow;
      // The last weights that a search sees are decided by the next one, which knows what comes after them.
      end = seen == shape_.cols ? seen : seen - kUndecided;
      search_.begin(row.history);
      for (uint32_t col = first; col < seen; col++) addToSearch(row, col);
      search_.trace(row.states + first, end - first);
      row.history = historyAfter(row.states[end - 1], bits);
    }
  }

  // Moves each scale to the one of least squared error for the states that were found.
  void refineCodes(const Row& row) const {
    for (uint32_t block = 0; block < layout_.blocks; block++) {
      const uint32_t first = block * shape_.blockSize;
      const uint32_t end = blockEnd(first);
      double product = 0;
      double square = 0;
      for (uint32_t col = first; col < end; col++) {
        const double value = values_[row.states[col]];
        product += double(columnWeights_[col]) * value * row.weights[col];
        square += double(columnWeights_[col]) * value * value;
      }
      const uint32_t code = codeOfScale(product / square);
      const double refined = scaleOfCode(code);
      const double chosen = scaleOfCode(row.codes[block]);
      if (refined * (refined * square - 2 * product) < chosen * (chosen * square - 2 * product))
        row.codes[block] = static_cast<uint8_t>(code);
    }
  }

  // Many rows share each read of the feedback.
  void searchWithFeedback(uint32_t rows) {
    const uint32_t cols = shape_.cols;
    for (uint32_t first = 0; first < cols; first += kFeedbackColumns) {
      const uint32_t end = cols - first < kFeedbackColumns ? cols : first + kFeedbackColumns;
      const uint32_t seen = cols - end < kLookAhead ? cols : end + kLookAhead;
      for (uint32_t r = 0; r < rows; r++) {
        const Row strip = row(r);
        search_.begin(first == 0 ? strip.history : historyAfter(strip.states[first - 1], bits));
        for (uint32_t col = first; col < seen; col++) {
          if (col % shape_.blockSize == 0) chooseCode(strip, col / shape_.blockSize);
          addToSearch(strip, col);
        }
        search_.trace(strip.states + first, end - first);
        for (uint32_t col = first; col < end; col++) {
          const float scale = scaleOfCode(strip.codes[col / shape_.blockSize]);
          const float error = strip.weights[col] - values_[strip.states[col]] * scale;
          errors_[r * kFeedbackColumns + (col - first)] = error;
          feedBack(strip.weights, cols, &error, 1, 1, feedback_, cols, col, 1, col + 1, end);
        }
      }
      feedBack(&weights_[0], cols, &errors_[0], kFeedbackColumns, rows, feedback_, cols, first, end - first, end, cols);
    }
  }

  void write(const Row& row, uint8_t* packed) const {
    std::memcpy(packed, row.codes, layout_.blocks);
    for (uint32_t col = 0; col < shape_.cols; col++) {
      const size_t bit = size_t(col) * bits;
      uint8_t* at = packed + layout_.bitsAt + (bit >> 3);
      const uint32_t pair = (row.states[col] & ((1u << bits) - 1)) << (16 - bits - (bit & 7));
      at[0] = static_cast<uint8_t>(at[0] | (pair >> 8));
      if ((pair & 255) != 0) at[1] = static_cast<uint8_t>(at[1] | (pair & 255));
    }
  }

  const TrellisShape shape_;
  const TrellisRow layout_;
  const float* feedback_;
  const float* values_;
  float largestValue_ = 0;
  TrellisSearch<bits> search_;
  Scratch<float> columnWeights_;
  Scratch<float> weights_;
  Scratch<uint8_t> codes_;
  Scratch<uint16_t> states_;
  Scratch<float> errors_;
};

template <uint32_t bits>
void encodeRows(const float* data, const TrellisShape& shape, const TrellisAids& aids, uint8_t* payload) {
  const size_t rowBytes = trellisRow(shape).bytes;
  std::memset(payload, 0, rowBytes * shape.rows);
  const uint32_t most = aids.feedback == nullptr ? 1 : kFeedbackRowsTogether;
  const uint32_t strip = shape.rows < most ? shape.rows : most;
  Encoder<bits> encoder(shape, aids, strip);
  for (uint32_t row = 0; row < shape.rows; row += strip) {
    const uint32_t count = shape.rows - row < strip ? shape.rows - row : strip;
    encoder.encode(data + size_t(row) * shape.cols, count, payload + row * rowBytes);
  }
}

}  // namespace

void trellisEncode(const float* data, const TrellisShape& shape, const TrellisAids& aids, uint8_t* payload) {
  if (shape.bits == 2) encodeRows<2>(data, shape, aids, payload);
  else if (shape.bits == 3) encodeRows<3>(data, shape, aids, payload);
  else encodeRows<4>(data, shape, aids, payload);
}

}  // namespace VILLAGE_LEVEL
}  // namespace village
