// The N-API surface of native/vptq.h.
#include "binding_vptq.h"

#include "binding_arguments.h"
#include "vptq.h"

namespace village {
namespace {

constexpr uint32_t kMaxEntries = 1u << 16;
constexpr size_t kMaxPoints = size_t(1) << 26;

// (rows, cols, vector, indexBits, residualBits); the outliers are as many as their columns.
bool readVptq(Arguments& arguments, VptqShape* shape) {
  shape->rows = static_cast<uint32_t>(arguments.integer(1, 1 << 28));
  shape->cols = static_cast<uint32_t>(arguments.integer(1, 1 << 28));
  shape->vector = static_cast<uint32_t>(arguments.integer(2, kVptqMaxVector));
  shape->indexBits = static_cast<uint32_t>(arguments.integer(4, 16));
  shape->residualBits = static_cast<uint32_t>(arguments.integer(0, 16));
  return arguments.ok && holds(shape->rows, shape->cols) && vptqVectorIsKnown(shape->vector) &&
         (shape->residualBits == 0 || shape->residualBits >= 4);
}

bool readCodebook(const Napi::CallbackInfo& info, size_t at, const VptqShape& shape, VptqCodebook* codebook) {
  const uint32_t residuals = shape.residualBits == 0 ? 0 : 1u << shape.residualBits;
  codebook->entries = matrix(info, at, 1u << shape.indexBits, shape.vector);
  codebook->residuals = matrix(info, at + 1, residuals, shape.vector);
  // The data of an empty array is null.
  const bool isNone = isArray(info[at + 1], napi_float32_array) &&
                      info[at + 1].As<Napi::Float32Array>().ElementLength() == 0;
  return codebook->entries != nullptr && (residuals == 0 ? isNone : codebook->residuals != nullptr);
}

// Ascending columns, or false.
bool readOutliers(const Napi::CallbackInfo& info, size_t at, VptqShape* shape, const uint32_t** columns) {
  if (!isArray(info[at], napi_uint32_array)) return false;
  const auto array = info[at].As<Napi::Uint32Array>();
  if (array.ElementLength() >= shape->cols) return false;
  shape->outliers = static_cast<uint32_t>(array.ElementLength());
  *columns = array.Data();
  for (uint32_t i = 0; i < shape->outliers; i++)
    if ((*columns)[i] >= shape->cols || (i > 0 && (*columns)[i] <= (*columns)[i - 1])) return false;
  return true;
}

// (data, payload, entries, residuals, outlierColumns, columnWeights, feedback, shape, level): fills the payload.
void encode(const Napi::CallbackInfo& info) {
  Arguments arguments{info, 7};
  VptqShape shape{};
  SimdLevel level{};
  VptqCodebook codebook{};
  VptqAids aids{};
  const uint32_t* outliers = nullptr;
  if (!readVptq(arguments, &shape) || !readLevel(arguments, &level)) return refuse(info);
  if (!readCodebook(info, 2, shape, &codebook) || !readOutliers(info, 4, &shape, &outliers)) return refuse(info);
  if (!optionalMatrix(info, 5, 1, shape.cols, &aids.columnWeights) ||
      !optionalMatrix(info, 6, shape.cols, shape.cols, &aids.feedback))
    return refuse(info);
  const float* data = matrix(info, 0, shape.rows, shape.cols);
  uint8_t* payload = bytes(info, 1, vptqBytes(shape));
  if (data == nullptr || payload == nullptr) return refuse(info);
  vptqEncode(data, shape, codebook, outliers, aids, level, payload);
}

// (payload, data, entries, residuals, outlierColumns, shape): fills the data.
void decode(const Napi::CallbackInfo& info) {
  Arguments arguments{info, 5};
  VptqShape shape{};
  VptqCodebook codebook{};
  const uint32_t* outliers = nullptr;
  if (!readVptq(arguments, &shape)) return refuse(info);
  if (!readCodebook(info, 2, shape, &codebook) || !readOutliers(info, 4, &shape, &outliers)) return refuse(info);
  const uint8_t* payload = bytes(info, 0, vptqBytes(shape));
  float* data = matrix(info, 1, shape.rows, shape.cols);
  if (data == nullptr || payload == nullptr) return refuse(info);
  vptqDecode(payload, shape, codebook, outliers, data);
}

struct Points {
  const float* values;
  uint32_t count;
  uint32_t vector;
  uint32_t entries;
};

// (points, .., count, vector, entries) with the numbers from `at` on.
bool readPoints(const Napi::CallbackInfo& info, Arguments& arguments, Points* points) {
  points->count = static_cast<uint32_t>(arguments.integer(1, static_cast<int32_t>(kMaxPoints)));
  points->vector = static_cast<uint32_t>(arguments.integer(2, kVptqMaxVector));
  points->entries = static_cast<uint32_t>(arguments.integer(16, kMaxEntries));
  if (!arguments.ok || !vptqVectorIsKnown(points->vector) || points->entries % 16 != 0) return false;
  points->values = matrix(info, 0, points->count, points->vector);
  return points->values != nullptr;
}

uint32_t* integers(const Napi::CallbackInfo& info, size_t at, size_t length) {
  if (!isArray(info[at], napi_uint32_array)) return nullptr;
  auto array = info[at].As<Napi::Uint32Array>();
  return array.ElementLength() == length ? array.Data() : nullptr;
}

// (points, codebook, nearest, count, vector, entries, level): fills `nearest`.
void nearest(const Napi::CallbackInfo& info) {
  Arguments arguments{info, 3};
  Points points{};
  SimdLevel level{};
  if (!readPoints(info, arguments, &points) || !readLevel(arguments, &level)) return refuse(info);
  const float* codebook = matrix(info, 1, points.entries, points.vector);
  uint32_t* found = integers(info, 2, points.count);
  if (codebook == nullptr || found == nullptr) return refuse(info);
  vptqNearest(points.values, points.count, points.vector, codebook, points.entries, level, found);
}

// (points, weights, draws, chosen, count, vector, entries, level): fills `chosen`.
void spread(const Napi::CallbackInfo& info) {
  Arguments arguments{info, 4};
  Points points{};
  SimdLevel level{};
  if (!readPoints(info, arguments, &points) || !readLevel(arguments, &level)) return refuse(info);
  const float* weights = matrix(info, 1, points.count, 1);
  uint32_t* chosen = integers(info, 3, points.entries);
  if (weights == nullptr || chosen == nullptr || !isArray(info[2], napi_float64_array)) return refuse(info);
  auto draws = info[2].As<Napi::Float64Array>();
  if (draws.ElementLength() != points.entries) return refuse(info);
  vptqSpread(points.values, weights, points.count, points.vector, draws.Data(), points.entries, level, chosen);
}

}  // namespace

void bindVptq(Napi::Env env, Napi::Object exports) {
  exports.Set("vptqEncode", Napi::Function::New(env, encode));
  exports.Set("vptqDecode", Napi::Function::New(env, decode));
  exports.Set("vptqNearest", Napi::Function::New(env, nearest));
  exports.Set("vptqSpread", Napi::Function::New(env, spread));
}

}  // namespace village
