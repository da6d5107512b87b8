/**
 * The kernels: the native addon where it was built, the TypeScript reference otherwise. Both give the same bytes.
 *
 * Environment: VILLAGE_NATIVE=off forces the reference; VILLAGE_SIMD=sse2|neon|avx2|avx512 forces an instruction set that
 * the machine has (to compare levels; the bytes do not differ).
 */
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { VillageError } from '../errors.ts'
import { type BlockwiseShape, blockwiseDecode, blockwiseEncode } from './reference/blockwise.ts'
import { type SeedlmShape, seedlmDecode, seedlmEncode } from './reference/seedlm.ts'

export type { BlockwiseShape } from './reference/blockwise.ts'
export type { SeedlmShape } from './reference/seedlm.ts'

/** Pure functions on float32 matrices (rows × cols, row-major, finite) and packed payloads of exactly the right length. */
export interface Kernels {
  readonly native: boolean
  /** Why the reference serves, as a sentence; null where the addon does. */
  readonly reason: string | null
  /** Instruction set in use: sse2, neon, avx2, avx512, portable, or typescript. */
  readonly simd: string
  blockwiseEncode(data: Float32Array, shape: BlockwiseShape): Uint8Array
  blockwiseDecode(payload: Uint8Array, shape: BlockwiseShape): Float32Array
  seedlmEncode(data: Float32Array, shape: SeedlmShape): Uint8Array
  seedlmDecode(payload: Uint8Array, shape: SeedlmShape): Float32Array
}

/** kRevision of native/kernels.h. */
const REVISION = 1
const ADDON = fileURLToPath(new URL('../../native/build/village.node', import.meta.url))

interface Addon {
  readonly revision: number
  /** Instruction sets that this machine can run, narrowest first. */
  readonly levels: readonly string[]
  blockwiseEncode(data: Float32Array, ...shapeAndLevel: number[]): Uint8Array
  blockwiseDecode(payload: Uint8Array, ...shape: number[]): Float32Array
  seedlmEncode(data: Float32Array, ...shapeAndLevel: number[]): Uint8Array
  seedlmDecode(payload: Uint8Array, ...shape: number[]): Float32Array
}

function reference(reason: string): Kernels {
  return {
    native: false,
    reason,
    simd: 'typescript',
    blockwiseEncode,
    blockwiseDecode,
    seedlmEncode,
    seedlmDecode,
  }
}

function blockwiseArguments(shape: BlockwiseShape): number[] {
  const { rows, cols, bits, blockSize, zeroPoints, scaleBytes, scaleExponent } = shape
  return [rows, cols, bits, blockSize, zeroPoints ? 1 : 0, scaleBytes, scaleExponent]
}

function seedlmArguments(shape: SeedlmShape): number[] {
  return [shape.rows, shape.cols, shape.blockWeights, shape.coefficients, shape.scale]
}

function bind(addon: Addon, level: number): Kernels {
  return {
    native: true,
    reason: null,
    simd: addon.levels[level]!,
    blockwiseEncode: (data, shape) => addon.blockwiseEncode(data, ...blockwiseArguments(shape), level),
    blockwiseDecode: (payload, shape) => addon.blockwiseDecode(payload, ...blockwiseArguments(shape)),
    seedlmEncode: (data, shape) => addon.seedlmEncode(data, ...seedlmArguments(shape), level),
    seedlmDecode: (payload, shape) => addon.seedlmDecode(payload, ...seedlmArguments(shape)),
  }
}

function loadAddon(): Addon | string {
  try {
    const addon = createRequire(import.meta.url)(ADDON) as Addon
    return addon.revision === REVISION
      ? addon
      : 'the native addon was built from another version: run `node scripts/build-native.js`'
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return code === 'MODULE_NOT_FOUND'
      ? 'the native addon is not built: install a C++ compiler and run `node scripts/build-native.js`'
      : `the native addon does not load: ${message}`
  }
}

/** SIMD levels of the addon on this machine, narrowest first; empty where it cannot be loaded. */
export function nativeLevels(): readonly string[] {
  const addon = loadAddon()
  return typeof addon === 'string' ? [] : addon.levels
}

/**
 * Loads the kernels. Never fails for want of an addon: `reason` then says why the reference serves.
 * `simd` (or VILLAGE_SIMD) that the machine does not have throws INVALID_ARGUMENT.
 */
export function loadKernels(init: { native?: 'auto' | 'off'; simd?: string } = {}): Kernels {
  if (init.native === 'off') return reference('the native addon is switched off in the configuration')
  if (process.env.VILLAGE_NATIVE === 'off')
    return reference('the native addon is switched off by VILLAGE_NATIVE')
  const addon = loadAddon()
  if (typeof addon === 'string') return reference(addon)
  const wanted = init.simd ?? process.env.VILLAGE_SIMD
  if (wanted === undefined || wanted === '') return bind(addon, addon.levels.length - 1)
  const level = addon.levels.indexOf(wanted)
  if (level < 0)
    throw new VillageError(
      'INVALID_ARGUMENT',
      `This machine cannot run SIMD level ${wanted}; it has ${addon.levels.join(', ')}.`,
      { fields: { argument: 'simd' } },
    )
  return bind(addon, level)
}
