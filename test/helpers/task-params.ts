/** Parameters of an honest task of every kind, on the embedded encoder. */
import type { JsonObject } from '../../node/json.ts'

export const taskParams = (model: string): Record<string, JsonObject> => ({
  compress: {
    model,
    tensor: 'layer0.residual.weight',
    startRow: 16,
    rows: 32,
    cols: 256,
    codec: 'int4',
    params: {},
  },
  evaluate: { model, suite: 'similarity', start: 4, count: 8 },
  calibrate: {
    model,
    data: null,
    start: 4,
    count: 8,
    minElements: 16_384,
    // Enough for the matrices of 256 columns, and for one of 512.
    feedbackBudgetBytes: 2 ** 20,
    firstActivation: 2,
    activations: 3,
    sumsBytes: 8 * 2 ** 20,
    outputBytes: 1024 + 4 * (256 ** 2 + 512 ** 2 + 1536),
  },
  codebook: {
    model,
    tensors: [
      { name: 'embeddings', cols: 256, rows: 32, startRows: [40, 4000] },
      { name: 'layer0.ffn.up.weight', cols: 512, rows: 16, startRows: [0] },
    ],
    params: { bits: 2, layout: 'small' },
    calibration: null,
    seed: 1,
  },
  probe: {
    model,
    tensor: 'layer0.residual.weight',
    rows: 512,
    cols: 256,
    candidates: [
      { codec: 'int4', params: { blockSize: 128 } },
      { codec: 'int8', params: { blockSize: 128 } },
    ],
    calibration: null,
    sensitivity: true,
    reference: { codec: 'int4', params: { blockSize: 32 } },
    data: null,
  },
})
