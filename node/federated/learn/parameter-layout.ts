/** Parameters of a model as one flat vector: what is averaged, compressed and sent has no names. */
import { createHash } from 'node:crypto'
import type { ParameterInfo } from '../../compute/training/trainer.ts'
import { VillageError } from '../../errors.ts'

export interface PlacedParameter {
  readonly name: string
  readonly offset: number
  readonly length: number
}

export interface ParameterLayout {
  readonly parameters: readonly PlacedParameter[]
  /** Of the flat vector. */
  readonly elements: number
  /** SHA-256 in hex over names and shapes in their order: equal layouts have flat vectors that mean the same. */
  readonly hash: string
}

export function layoutOf(parameters: readonly ParameterInfo[]): ParameterLayout {
  const hash = createHash('sha256')
  let elements = 0
  const placed = parameters.map(({ name, dims }): PlacedParameter => {
    const length = dims.reduce((product, size) => product * size, 1)
    hash.update(`${JSON.stringify(name)}:${dims.join('x')}\n`)
    const offset = elements
    elements += length
    return { name, offset, length }
  })
  return { parameters: placed, elements, hash: hash.digest('hex') }
}

/** Throws INVALID_ARGUMENT for values of another layout. */
export function flatten(layout: ParameterLayout, values: ReadonlyMap<string, Float32Array>): Float32Array {
  const flat = new Float32Array(layout.elements)
  for (const { name, offset, length } of layout.parameters) {
    const part = values.get(name)
    if (part?.length !== length)
      throw new VillageError('INVALID_ARGUMENT', `The parameter "${name}" is missing or of another size`)
    flat.set(part, offset)
  }
  return flat
}

/** Views into `flat` by name, nothing is copied. Throws INVALID_ARGUMENT for a vector of another length. */
export function split(layout: ParameterLayout, flat: Float32Array): Map<string, Float32Array> {
  if (flat.length !== layout.elements)
    throw new VillageError('INVALID_ARGUMENT', 'The vector has another length than the parameters')
  return new Map(
    layout.parameters.map(({ name, offset, length }) => [name, flat.subarray(offset, offset + length)]),
  )
}
