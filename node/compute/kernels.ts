/**
 * The kernels: the native addon where it was built, the TypeScript reference otherwise. Both give the same
 * bytes.
 *
 * Environment: VILLAGE_NATIVE=off forces the reference; VILLAGE_SIMD=sse2|neon|avx2|avx512|wasm|typescript
 * forces an instruction set that the machine has (to compare levels; the bytes do not differ).
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { VillageError } from '../errors.ts'
import { PACKAGE_ROOT, PACKAGED } from '../package-root.ts'
import {
  type BlockwiseAddon,
  type BlockwiseKernels,
  bindBlockwise,
  referenceBlockwise,
} from './kernels/blockwise.ts'
import { bindHalfDot, type HalfDotAddon, type HalfDotKernels, referenceHalfDot } from './kernels/half-dot.ts'
import { bindMoments, type MomentsAddon, type MomentsKernels, referenceMoments } from './kernels/moments.ts'
import { bindSeedlm, referenceSeedlm, type SeedlmAddon, type SeedlmKernels } from './kernels/seedlm.ts'
import { bindTernary, referenceTernary, type TernaryAddon, type TernaryKernels } from './kernels/ternary.ts'
import { bindTrellis, referenceTrellis, type TrellisAddon, type TrellisKernels } from './kernels/trellis.ts'
import { bindVptq, referenceVptq, type VptqAddon, type VptqKernels } from './kernels/vptq.ts'

/**
 * Pure functions on float32 matrices (rows × cols, row-major, finite) and packed payloads of exactly the
 * right length.
 */
export interface Kernels
  extends BlockwiseKernels,
    HalfDotKernels,
    MomentsKernels,
    SeedlmKernels,
    TernaryKernels,
    TrellisKernels,
    VptqKernels {
  readonly native: boolean
  /** Why the reference serves, as a sentence; null where the addon does. */
  readonly reason: string | null
  /** Instruction set in use: sse2, neon, avx2, avx512 or portable; of the reference wasm or typescript. */
  readonly simd: string
  /** Gives freed memory of the whole process back to the system, where only native code can; takes milliseconds. */
  releaseMemory(): void
  /** From now on the whole process keeps little of what it frees, at the price of more calls of the system. Native code only. */
  keepMemorySmall(): void
}

/** kRevision of native/kernels.h. */
const REVISION = 9
/** Built on this machine, else the one that a package brings along for it. */
const ADDONS = ['build', ...(PACKAGED ? [`prebuilt/${process.platform}-${process.arch}`] : [])].map(
  (folder) => fileURLToPath(new URL(`native/${folder}/village.node`, PACKAGE_ROOT)),
)

interface Addon
  extends BlockwiseAddon,
    HalfDotAddon,
    MomentsAddon,
    SeedlmAddon,
    TernaryAddon,
    TrellisAddon,
    VptqAddon {
  readonly revision: number
  /** Instruction sets that this machine can run, narrowest first. */
  readonly levels: readonly string[]
  releaseMemory(): void
  keepMemorySmall(): void
}

/** `wasm` runs the slowest searches, those of seedlm and trellis, in WebAssembly SIMD; `typescript` is the plain oracle. */
const REFERENCE_LEVELS = ['wasm', 'typescript']

function reference(reason: string, level = 'wasm'): Kernels {
  return {
    native: false,
    reason,
    simd: level,
    ...referenceBlockwise,
    ...referenceHalfDot,
    ...referenceMoments,
    ...referenceSeedlm(level === 'wasm'),
    ...referenceTernary,
    ...referenceTrellis(level === 'wasm'),
    ...referenceVptq,
    releaseMemory() {
      // Nothing in JavaScript reaches the allocator.
    },
    keepMemorySmall() {
      // Nor its settings.
    },
  }
}

function bind(addon: Addon, level: number): Kernels {
  return {
    native: true,
    reason: null,
    simd: addon.levels[level]!,
    ...bindBlockwise(addon, level),
    ...bindHalfDot(addon, level),
    ...bindMoments(addon, level),
    ...bindSeedlm(addon, level),
    ...bindTernary(addon),
    ...bindTrellis(addon, level),
    ...bindVptq(addon, level),
    releaseMemory: () => addon.releaseMemory(),
    keepMemorySmall: () => addon.keepMemorySmall(),
  }
}

function loadAddon(): Addon | string {
  try {
    const file = ADDONS.find((candidate) => existsSync(candidate)) ?? ADDONS[0]!
    const addon = createRequire(import.meta.url)(file) as Addon
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
  const wanted = init.simd ?? process.env.VILLAGE_SIMD ?? ''
  if (REFERENCE_LEVELS.includes(wanted))
    return reference(`the reference was asked for by name (${wanted})`, wanted)
  if (init.native === 'off') return reference('the native addon is switched off in the configuration')
  if (process.env.VILLAGE_NATIVE === 'off')
    return reference('the native addon is switched off by VILLAGE_NATIVE')
  const addon = loadAddon()
  if (typeof addon === 'string') return reference(addon)
  if (wanted === '') return bind(addon, addon.levels.length - 1)
  const level = addon.levels.indexOf(wanted)
  if (level < 0)
    throw new VillageError(
      'INVALID_ARGUMENT',
      `This machine cannot run SIMD level ${wanted}; it has ${addon.levels.join(', ')}.`,
      { fields: { argument: 'simd' } },
    )
  return bind(addon, level)
}
