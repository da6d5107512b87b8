/** Which tensors of a model share a codebook of `vptq`, and which of their rows it is trained on. Pure. */
import { seededRandom } from '../evaluate/seeded-random.ts'
import { codebookBytes } from './vptq-codebook.ts'
import { type VptqBits, type VptqLayout, type VptqLayoutName, vptqLayout } from './vptq-layouts.ts'

export interface CodebookWeight {
  readonly name: string
  readonly rows: number
  readonly cols: number
  /** Operators that read it: MatMul, Gemm, Gather, Conv. */
  readonly uses: readonly string[]
}

export interface CodebookGroup {
  readonly layout: VptqLayout
  readonly weights: readonly CodebookWeight[]
}

export interface SampledTensor {
  readonly name: string
  readonly cols: number
  /** Rows of each run, and where the runs start. */
  readonly rows: number
  readonly startRows: readonly number[]
}

/**
 * What the large codebook gains over the small one at equal error, in bits a weight, by bits: half the binary logarithm
 * of the ratio of their errors on the embedded encoder (0.0927 to 0.1032, 0.0266 to 0.0296, 0.0075 to 0.0090).
 */
const GAIN_OF_LARGE: Readonly<Record<VptqBits, number>> = { 2: 0.077, 3: 0.077, 4: 0.126 }
/** Tensors of one kind get a codebook of their own where it costs at most so many bits a weight. */
const OWN_CODEBOOK_BITS = 0.01

const sizeOf = (weights: readonly CodebookWeight[]): number =>
  weights.reduce((sum, { rows, cols }) => sum + rows * cols, 0)

const bitsOf = (layout: VptqLayout): number => codebookBytes(layout) * 8

/** The layout with the least error for its bits, codebook counted, for so many weights. */
export function layoutForSize(bits: VptqBits, weights: number): VptqLayout {
  const large = vptqLayout(bits, 'large')!
  const small = vptqLayout(bits, 'small')!
  const dearer = (bitsOf(large) - bitsOf(small)) / Math.max(1, weights)
  return dearer <= GAIN_OF_LARGE[bits] ? large : small
}

/** Tables, convolutions and matrices have different statistics; matrices of one shape mostly play one part. */
function kindOf({ uses, rows, cols }: CodebookWeight): string[] {
  const kind = uses.includes('Gather') ? 'table' : uses.includes('Conv') ? 'convolution' : 'matrix'
  return [kind, `${rows}x${cols}`]
}

function partition(
  weights: readonly CodebookWeight[],
  keyOf: (weight: CodebookWeight) => string,
): CodebookWeight[][] {
  const parts = new Map<string, CodebookWeight[]>()
  for (const weight of weights) {
    const part = parts.get(keyOf(weight))
    if (part === undefined) parts.set(keyOf(weight), [weight])
    else part.push(weight)
  }
  return [...parts.values()]
}

/**
 * Groups of tensors that share a codebook: all of them where the model is small, else by kind and then by shape
 * wherever a codebook of its own costs a part next to nothing. Without `layout` it is the better one for the model's
 * size. In the order of the weights.
 */
export function codebookGroups(
  weights: readonly CodebookWeight[],
  init: { readonly bits: VptqBits; readonly layout?: VptqLayoutName },
): CodebookGroup[] {
  const { bits } = init
  const layout =
    init.layout === undefined ? layoutForSize(bits, sizeOf(weights)) : vptqLayout(bits, init.layout)!
  let groups: CodebookWeight[][] = weights.length === 0 ? [] : [[...weights]]
  for (const level of [0, 1])
    groups = groups.flatMap((group) => {
      const parts = partition(group, (weight) => kindOf(weight)[level]!)
      const canOwn = (part: CodebookWeight[]): boolean => bitsOf(layout) <= OWN_CODEBOOK_BITS * sizeOf(part)
      const alone = parts.filter(canOwn)
      const together = parts.filter((part) => !canOwn(part)).flat()
      return together.length === 0 ? alone : [...alone, together]
    })
  const place = new Map(weights.map((weight, index) => [weight, index]))
  return groups
    .map((group) => group.sort((a, b) => place.get(a)! - place.get(b)!))
    .sort((a, b) => place.get(a[0]!)! - place.get(b[0]!)!)
    .map((group) => ({ layout, weights: group }))
}

/** 256 vectors an entry: with fewer the codebook fits the sample, not the tensors (2% more error at a quarter of them). */
const MAX_SAMPLED_VECTORS = 2 ** 20
/** Tensors of a group that are looked at; their list must fit the parameters of a task. */
const MAX_SAMPLED_TENSORS = 64
const MAX_LIST_BYTES = 12 * 1024
/** A tensor is looked at in so many places. */
const RUNS = 4

/** Evenly over the list, ends included. */
function spread<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items]
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)]!)
}

function sampleOf(
  weight: CodebookWeight,
  vector: number,
  vectors: number,
  random: () => number,
): SampledTensor {
  const { name, rows, cols } = weight
  const groups = Math.max(1, Math.floor(rows / vector))
  const wanted = Math.max(1, Math.round(vectors / cols))
  if (wanted >= groups) return { name, cols, rows: Math.min(rows, groups * vector), startRows: [0] }
  const runs = Math.min(RUNS, wanted)
  const length = Math.floor(wanted / runs)
  // Each run lies somewhere in its own part of the tensor.
  const part = Math.floor(groups / runs)
  const startRows = Array.from(
    { length: runs },
    (_, run) => (run * part + Math.floor(random() * (part - length + 1))) * vector,
  )
  return { name, cols, rows: length * vector, startRows }
}

/**
 * The rows of a group's tensors that its codebook is trained on: at most about `maxVectors` vectors, each tensor by its
 * share of the weights, and as many tensors as the parameters of a task can name.
 */
export function sampleGroup(
  { layout, weights }: CodebookGroup,
  seed: number,
  maxVectors = MAX_SAMPLED_VECTORS,
): SampledTensor[] {
  let count = Math.min(weights.length, MAX_SAMPLED_TENSORS)
  for (;;) {
    const looked = spread(weights, count)
    const size = sizeOf(looked)
    const vectors = Math.min(maxVectors, size / layout.vector)
    const random = seededRandom(seed)
    const tensors = looked.map((weight) =>
      sampleOf(weight, layout.vector, (vectors * weight.rows * weight.cols) / size, random),
    )
    if (count <= 1 || JSON.stringify(tensors).length <= MAX_LIST_BYTES) return tensors
    count = Math.floor(count * 0.8)
  }
}
