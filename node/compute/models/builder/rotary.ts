/**
 * Rotary position embedding (Su et al., arXiv 2104.09864) as tables of cosines and sines, [positions, headSize / 2]. Feature i
 * of a head turns together with feature i + headSize / 2 ("half-split", as Hugging Face stores its weights).
 */
import { FLOAT32 } from '../../onnx/data-types.ts'
import type { TensorSource } from '../../onnx/encode.ts'
import type { ConfigFields } from './config-fields.ts'

export type RotaryScaling =
  | { readonly kind: 'none' }
  /** Positions divided by `factor` (Chen et al., arXiv 2306.15595). */
  | { readonly kind: 'linear'; readonly factor: number }
  /** Llama 3.1: low frequencies divided by `factor`, high ones kept, a ramp between. */
  | {
      readonly kind: 'llama3'
      readonly factor: number
      readonly lowFrequencyFactor: number
      readonly highFrequencyFactor: number
      readonly originalContext: number
    }

export interface RotaryConfig {
  readonly headSize: number
  readonly theta: number
  readonly scaling: RotaryScaling
}

const CHUNK_POSITIONS = 4096
const MAX_THETA = 1e12
const MAX_FACTOR = 1e6

/**
 * `rope_theta` and `rope_scaling` of a config.json; newer ones have both in `rope_parameters`. Throws MODEL_CONFIG_INVALID for
 * values out of range, for scalings that are not built (yarn, dynamic, longrope), and for others by kind of layer.
 */
export function readRotaryConfig(config: ConfigFields, headSize: number): RotaryConfig {
  const parameters = config.object('rope_parameters')
  const range = { above: 0, max: MAX_THETA }
  const theta =
    parameters === undefined
      ? config.number('rope_theta', { ...range, absent: 10_000 })
      : parameters.number('rope_theta', range)
  const scaling = parameters ?? config.object('rope_scaling')
  for (const fields of [config, ...(parameters === undefined ? [] : [parameters])])
    if (fields.number('partial_rotary_factor', { above: 0, max: 1, absent: 1 }) !== 1)
      throw fields.invalid('partial_rotary_factor', 'is not 1: rotating a part of a head is not supported')
  return { headSize, theta, scaling: scaling === undefined ? { kind: 'none' } : readScaling(scaling) }
}

function readScaling(fields: ConfigFields): RotaryScaling {
  if (fields.raw('mrope_section') !== undefined)
    throw fields.invalid('mrope_section', 'is there: positions of several axes are not supported')
  // Before 2024 the key was `type`.
  const key = fields.raw('rope_type') === undefined && fields.raw('type') !== undefined ? 'type' : 'rope_type'
  const kind = fields.choice(key, ['default', 'linear', 'llama3'], 'default')
  if (kind === 'default') return { kind: 'none' }
  const factor = fields.number('factor', { above: 0, max: MAX_FACTOR })
  if (kind === 'linear') return { kind, factor }
  const lowFrequencyFactor = fields.number('low_freq_factor', { above: 0, max: MAX_FACTOR })
  const highFrequencyFactor = fields.number('high_freq_factor', { above: 0, max: MAX_FACTOR })
  if (highFrequencyFactor <= lowFrequencyFactor)
    throw fields.invalid('high_freq_factor', 'is not above low_freq_factor')
  const originalContext = fields.count('original_max_position_embeddings', { max: 2 ** 24 })
  return { kind, factor, lowFrequencyFactor, highFrequencyFactor, originalContext }
}

/** Radians by position of each of the headSize / 2 pairs. */
export function rotaryFrequencies(config: RotaryConfig): Float64Array {
  const { headSize, theta, scaling } = config
  return Float64Array.from({ length: headSize / 2 }, (_, pair) => {
    const frequency = theta ** ((-2 * pair) / headSize)
    if (scaling.kind === 'none') return frequency
    if (scaling.kind === 'linear') return frequency / scaling.factor
    const { factor, lowFrequencyFactor, highFrequencyFactor, originalContext } = scaling
    const wavelength = (2 * Math.PI) / frequency
    if (wavelength < originalContext / highFrequencyFactor) return frequency
    if (wavelength > originalContext / lowFrequencyFactor) return frequency / factor
    const smooth =
      (originalContext / wavelength - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor)
    return (1 - smooth) * (frequency / factor) + smooth * frequency
  })
}

/** One of the two tables, made in chunks while it is written. */
export function rotaryTable(
  name: string,
  fn: (angle: number) => number,
  config: RotaryConfig,
  positions: number,
): TensorSource {
  const frequencies = rotaryFrequencies(config)
  const half = frequencies.length
  return {
    name,
    elementType: FLOAT32,
    dims: [positions, half],
    sizeBytes: positions * half * 4,
    write(push) {
      for (let start = 0; start < positions; start += CHUNK_POSITIONS) {
        const count = Math.min(CHUNK_POSITIONS, positions - start)
        const table = new Float32Array(count * half)
        for (let at = 0; at < count; at++)
          for (let pair = 0; pair < half; pair++)
            table[at * half + pair] = fn((start + at) * frequencies[pair]!)
        push(new Uint8Array(table.buffer))
      }
    },
  }
}
