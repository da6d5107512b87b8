/**
 * Embeddings of models with different tokenizers, row by row in the order of one. A token that a model does not know gets the row of the base
 * where that has it, else the mean of those who know it, or what the recipe says; so that a method sees the same rows of all.
 */
import type { TensorRef } from './plan.ts'
import type { TokenRule } from './tokenizer-recipe.ts'

export interface TokenAlignment {
  /** Rows of the output's embedding. */
  readonly rows: number
  /** The model that has every row which no other model knows. */
  readonly lead: string
  /** By model: the row of every output id, or −1. */
  readonly places: ReadonlyMap<string, Int32Array>
  /** By output id. */
  readonly rules: ReadonlyMap<number, AlignedRule>
}

export interface AlignedRule {
  /** Row of a model, or null for zeros. */
  readonly from: { readonly model: string; readonly row: number } | null
  readonly force: boolean
}

/** Where each id of the output lies in a model's own embedding. */
export function placesOf(
  ids: ReadonlyMap<string, number>,
  own: ReadonlyMap<string, number>,
  { rows, ownRows, isLead }: { rows: number; ownRows: number; isLead: boolean },
): Int32Array {
  const places = new Int32Array(rows).fill(-1)
  // Rows behind the last token are padding, which is the leading model's.
  if (isLead) for (let row = 0; row < Math.min(rows, ownRows); row++) places[row] = row
  for (const [text, id] of ids) {
    const row = own.get(text)
    if (id < rows) places[id] = row !== undefined && row < ownRows ? row : -1
  }
  return places
}

export function alignedRules(
  ids: ReadonlyMap<string, number>,
  rules: Readonly<Record<string, TokenRule>>,
  rowOf: (model: string, token: string) => number,
): Map<number, AlignedRule> {
  return new Map(
    Object.entries(rules).map(([token, { from, force }]) => [
      ids.get(token) ?? -1,
      { force, from: from === null ? null : { model: from.model, row: rowOf(from.model, from.token) } },
    ]),
  )
}

interface RowSum {
  readonly values: Float64Array
  count: number
  /** The base's, which no other row is added to. */
  isSet: boolean
}

/** Rows that none of the merged models knows, where the tokenizer is that of a model beside them. */
function addLeading(
  sums: ReadonlyMap<number, RowSum>,
  { lead, places, rules }: TokenAlignment,
  cols: number,
  read: () => Float32Array,
): void {
  const own = places.get(lead)!
  const left = [...sums].filter(([id, { count }]) => count === 0 && !rules.has(id) && own[id]! >= 0)
  if (left.length === 0) return
  const values = read()
  for (const [id, sum] of left)
    for (let col = 0; col < cols; col++) sum.values[col] = values[own[id]! * cols + col]!
}

/** Rows for ids that some of the models lack, or that a rule sets. */
function commonRows(
  refs: readonly TensorRef[],
  base: TensorRef | null,
  alignment: TokenAlignment,
  cols: number,
  read: (ref: TensorRef) => Float32Array,
): Map<number, Float32Array> {
  const { rows, places, rules } = alignment
  const models = [...(base === null ? [] : [base]), ...refs]
  const wanted = Array.from({ length: rows }, (_, id) => id).filter(
    (id) => rules.has(id) || models.some(({ model }) => places.get(model)![id]! < 0),
  )
  const sums = new Map(
    wanted.map((id): [number, RowSum] => [id, { values: new Float64Array(cols), count: 0, isSet: false }]),
  )
  for (const ref of [...new Map(models.map((ref) => [ref.model, ref])).values()]) {
    const values = read(ref)
    const own = places.get(ref.model)!
    for (const [id, sum] of sums) {
      if (sum.isSet || rules.has(id) || own[id]! < 0) continue
      for (let col = 0; col < cols; col++) sum.values[col]! += values[own[id]! * cols + col]!
      sum.count++
      sum.isSet = ref === base
    }
  }
  for (const [id, { from }] of rules) {
    const sum = sums.get(id)
    if (sum === undefined || from === null) continue
    const values = read({ model: from.model, tensor: models[0]!.tensor })
    for (let col = 0; col < cols; col++) sum.values[col] = values[from.row * cols + col]!
    sum.count = 1
  }
  addLeading(sums, alignment, cols, () => read({ model: alignment.lead, tensor: models[0]!.tensor }))
  return new Map(
    [...sums].map(([id, { values, count }]) => [
      id,
      Float32Array.from(values, (value) => value / Math.max(1, count)),
    ]),
  )
}

/** Reads the tensors of one planned tensor with their rows in the order of the output. */
export function alignedReader(
  { inputs, base }: { readonly inputs: readonly TensorRef[]; readonly base: TensorRef | null },
  alignment: TokenAlignment,
  cols: number,
  read: (ref: TensorRef) => Float32Array,
): (ref: TensorRef) => Float32Array {
  const common = commonRows(inputs, base, alignment, cols, read)
  return (ref) => {
    const values = read(ref)
    const places = alignment.places.get(ref.model)!
    const target = new Float32Array(alignment.rows * cols)
    for (let id = 0; id < alignment.rows; id++) {
      const row = places[id]!
      const isForced = alignment.rules.get(id)?.force === true
      if (row >= 0 && !isForced) target.set(values.subarray(row * cols, (row + 1) * cols), id * cols)
      else target.set(common.get(id)!, id * cols)
    }
    return target
  }
}
