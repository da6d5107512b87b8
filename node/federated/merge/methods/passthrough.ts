import { byModel, type MergeMethod } from './method.ts'

/** One model's tensor as it is, or times `scale`: for models that are put together of layers of several. */
export const passthrough: MergeMethod = {
  name: 'passthrough',
  title: 'Layers as they are',
  source: 'mergekit, docs/merge_methods.md, Passthrough',
  base: 'none',
  models: { min: 1, max: 1 },
  byModel: {
    scale: { kind: 'number', absent: 1, min: -1e6, max: 1e6, doc: 'Factor on the tensor.' },
  },
  global: {},
  merge(input) {
    const [scale] = byModel(input, 'scale')
    const tensor = input.read(0)
    return scale === 1 ? tensor.slice() : tensor.map((value) => value * scale!)
  },
}
