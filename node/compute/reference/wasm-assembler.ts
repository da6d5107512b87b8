/**
 * As much of a WebAssembly assembler as one SIMD function needs: values are byte arrays, nested like the
 * code. Encodings: https://webassembly.github.io/spec/core/binary/.
 */
export type Code = readonly (number | Code)[]

const VOID = 0x40
export const I32 = 0x7f
export const F32 = 0x7d
export const V128 = 0x7b
const SIMD = 0xfd

/** An unsigned integer in LEB128. */
function unsigned(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return [...bytes, rest]
}

/** A signed integer of 32 bits in LEB128. */
function signed(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  // Until what is left is only the sign, and the last byte says which.
  while (rest < -64 || rest > 63) {
    bytes.push((rest & 127) | 128)
    rest >>= 7
  }
  return [...bytes, rest & 127]
}

const memory = (offset: number): Code => [0, unsigned(offset)]

export const get = (local: number): Code => [0x20, unsigned(local)]
export const set = (local: number, value: Code): Code => [value, 0x21, unsigned(local)]
export const i32 = (value: number): Code => [0x41, signed(value)]
export const addI32 = (a: Code, b: Code): Code => [a, b, 0x6a]
export const lessI32 = (a: Code, b: Code): Code => [a, b, 0x49]
/** Repeats the body while the condition, looked at afterwards, is not zero. */
export const repeat = (body: Code, condition: Code): Code => [0x03, VOID, body, condition, 0x0d, 0, 0x0b]

export const andI32 = (a: Code, b: Code): Code => [a, b, 0x71]
export const shiftLeftI32 = (a: Code, b: Code): Code => [a, b, 0x74]
/** Alignments are given as 1 byte everywhere: they are hints. */
export const load16Unsigned = (address: Code, offset: number): Code => [address, 0x2f, memory(offset)]

export const load = (address: Code, offset: number): Code => [address, SIMD, 0x00, memory(offset)]
/** Eight signed bytes as 16-bit lanes. */
export const load8x8 = (address: Code, offset: number): Code => [address, SIMD, 0x01, memory(offset)]
/** Four unsigned 16-bit integers as 32-bit lanes. */
export const load16x4 = (address: Code, offset: number): Code => [address, SIMD, 0x04, memory(offset)]
export const store = (address: Code, value: Code, offset: number): Code => [
  address,
  value,
  SIMD,
  0x0b,
  memory(offset),
]
/** By lane the dot product of two pairs of 16-bit integers. */
export const dotPairs = (a: Code, b: Code): Code => [a, b, SIMD, 0xba, 0x01]
export const addI32x4 = (a: Code, b: Code): Code => [a, b, SIMD, 0xae, 0x01]
export const mulI32x4 = (a: Code, b: Code): Code => [a, b, SIMD, 0xb5, 0x01]
/** By lane the larger of two unsigned integers. */
export const larger32x4 = (a: Code, b: Code): Code => [a, b, SIMD, 0xb9, 0x01]
export const andI32x4 = (a: Code, b: Code): Code => [a, b, SIMD, 0x4e]
export const orI32x4 = (a: Code, b: Code): Code => [a, b, SIMD, 0x50]
export const splatI32 = (a: Code): Code => [a, SIMD, 0x11]
export const shiftRightI32 = (a: Code, b: Code): Code => [a, b, 0x76]
/** One float or integer of 32 bits in all lanes. */
export const loadSplat32 = (address: Code, offset: number): Code => [address, SIMD, 0x09, memory(offset)]
export const splatF32 = (a: Code): Code => [a, SIMD, 0x13]
export const addF32x4 = (a: Code, b: Code): Code => [a, b, SIMD, 0xe4, 0x01]
export const subtractF32x4 = (a: Code, b: Code): Code => [a, b, SIMD, 0xe5, 0x01]
export const mulF32x4 = (a: Code, b: Code): Code => [a, b, SIMD, 0xe6, 0x01]
/** By lane b where it is less than a, else a. */
export const lesserF32x4 = (a: Code, b: Code): Code => [a, b, SIMD, 0xea, 0x01]
/** Lanes of 32 bits of a (0 to 3) and b (4 to 7). */
export const shuffle32x4 = (a: Code, b: Code, lanes: readonly number[]): Code => [
  a,
  b,
  SIMD,
  0x0d,
  lanes.flatMap((lane) => [lane * 4, lane * 4 + 1, lane * 4 + 2, lane * 4 + 3]),
]

function flatten(code: Code, into: number[] = []): number[] {
  for (const part of code)
    if (typeof part === 'number') into.push(part)
    else flatten(part, into)
  return into
}

function section(id: number, content: Code): Code {
  const bytes = flatten(content)
  return [id, unsigned(bytes.length), bytes]
}

/** A module that imports `env.memory` and exports one function, `run`. Locals follow the parameters. */
export function assemble(init: {
  parameters: readonly number[]
  result: number
  locals: readonly number[]
  body: Code
}): Uint8Array<ArrayBuffer> {
  const { parameters, result, locals, body } = init
  const name = (text: string): Code => [unsigned(text.length), [...new TextEncoder().encode(text)]]
  const code = flatten([unsigned(locals.length), locals.map((type) => [1, type]), body, 0x0b])
  return Uint8Array.from(
    flatten([
      [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      section(1, [1, 0x60, unsigned(parameters.length), parameters, 1, result]),
      section(2, [1, name('env'), name('memory'), 0x02, 0x00, 1]),
      section(3, [1, 0]),
      section(7, [1, name('run'), 0x00, 0]),
      section(10, [1, unsigned(code.length), code]),
    ]),
  )
}
