/**
 * How fast a core encodes: what the cost of a task, the size of a slice and the length of a step are reckoned from. It
 * says nothing about the bytes, so that a figure that is off only makes tasks longer or shorter.
 */
interface Speed {
  /** Weights that one core encodes in a second. */
  readonly plain: number
  /** With error feedback, before the steps that moving errors on takes; as plain where it is absent. */
  readonly withFeedback?: number
}

/**
 * Natively on an ordinary laptop core with AVX2: a third to half of what was measured on Zen 5 with AVX-512 (docs/compression.md).
 */
const SPEEDS: Readonly<Record<string, Speed>> = {
  int8: { plain: 20_000_000 },
  int4: { plain: 15_000_000 },
  ternary: { plain: 30_000_000 },
  planes: { plain: 15_000_000 },
  seedlm: { plain: 1_500_000 },
  vptq: { plain: 7_000_000, withFeedback: 5_000_000 },
  // With feedback each stretch of 16 columns is searched with the 32 after it.
  trellis: { plain: 2_000_000, withFeedback: 1_000_000 },
}
const ORDINARY: Speed = { plain: 2_000_000 }
/** Multiply-subtracts of error feedback that one core does in a second. */
const FEEDBACK_BY_SECOND = 8_000_000_000

/** Seconds of one core that a matrix takes; with `feedback`, also for moving errors on (cols² / 2 steps a row). */
export function encodeSeconds(
  codec: string,
  shape: { readonly rows: number; readonly cols: number },
  feedback = false,
): number {
  const { rows, cols } = shape
  const { plain, withFeedback = plain } = SPEEDS[codec] ?? ORDINARY
  if (!feedback) return (rows * cols) / plain
  return (rows * cols) / withFeedback + (rows * cols * cols) / 2 / FEEDBACK_BY_SECOND
}
