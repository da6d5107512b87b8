/** Nodes that need not be computed, because one of their inputs is the result already. */
import type { Attributes, ValueType } from '../operators/operator.ts'
import { intAttribute, intsAttribute, sameDims } from '../operators/operator.ts'
import type { Tape } from './tape.ts'

interface Candidate {
  readonly opType: string
  readonly inputs: readonly string[]
  readonly attributes: Attributes
}

/** The name of the value that this node would only repeat, or undefined where it has to be computed. */
export function shortcut(tape: Tape, node: Candidate, types: readonly ValueType[]): string | undefined {
  const [first = '', second = ''] = node.inputs
  const result = types[0]!
  const repeats = (name: string): string | undefined => {
    const type = tape.typeOf(name)
    return type.elementType === result.elementType && sameDims(type.dims, result.dims) ? name : undefined
  }
  switch (node.opType) {
    case 'Identity':
    case 'Reshape':
    case 'Unsqueeze':
    case 'Squeeze':
    case 'Flatten':
    case 'Expand':
    case 'Cast':
      if (tape.isZero(first) && result.elementType === tape.typeOf(first).elementType)
        return tape.zeros(result.dims)
      return repeats(first)
    case 'Transpose':
      if (tape.isZero(first)) return tape.zeros(result.dims)
      return intsAttribute(node.attributes, 'perm')?.every((from, at) => from === at) ? first : undefined
    case 'MatMul':
    case 'FusedMatMul':
    case 'Mul':
      return tape.isZero(first) || tape.isZero(second) ? tape.zeros(result.dims) : undefined
    case 'Add':
      if (tape.isZero(second)) return repeats(first)
      return tape.isZero(first) ? repeats(second) : undefined
    case 'Sub':
      return tape.isZero(second) ? repeats(first) : undefined
    case 'Gather': {
      // All rows in their order, as `logit_rows` is in training.
      const rows = tape.knownIntegers(second)
      const inOrder =
        rows !== undefined &&
        rows.dims.length === 1 &&
        intAttribute(node.attributes, 'axis', 0) === 0 &&
        rows.values.every((row, at) => row === at)
      return inOrder ? repeats(first) : undefined
    }
  }
  return undefined
}
