/** What a probe gives, for those who ask for one and check it. */

/** What a candidate would cost and lose. */
export interface Probed {
  /** Of a slice, beside its groups of rows. */
  readonly headerBytes: number
  readonly groupBytes: number
  readonly rowGroup: number
  /** Weighted squares of the error over those of the weights, on the sampled rows: 0 is lossless. */
  readonly error: number
}

/** Errors and movements beyond it are all alike: nothing is left of the weight or of the outputs. */
export const MAX_PROBED = 1e6
