/** What a spectrum says about a matrix or a cloud of points, in numbers that can be compared between sizes. */
import type { Spectrum } from './spectrum.ts'

export interface SpectralMeasures {
  /** σ₁. */
  readonly spectralNorm: number
  /** ‖A‖_F²/σ₁² (Rudelson and Vershynin, "Sampling from large matrices", J. ACM 54, 2007, section 1). */
  readonly stableRank: number
  /** exp H(σ/Σσ) (Roy and Vetterli, "The effective rank", EUSIPCO 2007); null where only the largest values are known. */
  readonly effectiveRank: number | null
  /**
   * H(σ²/Σσ²)/ln min(rows, cols): the entropy of the matrix's squared spectrum, 1 where all directions weigh the same and 0
   * where one does all (Martin and Mahoney, JMLR 22, 2021, section 3.1). Null as above.
   */
  readonly entropy: number | null
}

/** −Σ p ln p of values that are not negative, after they are divided by their sum; 0 where all are zero. */
export function entropyOf(values: ArrayLike<number>): number {
  let sum = 0
  for (let at = 0; at < values.length; at++) sum += values[at]!
  if (sum === 0) return 0
  let entropy = 0
  for (let at = 0; at < values.length; at++) {
    const share = values[at]! / sum
    if (share > 0) entropy -= share * Math.log(share)
  }
  return entropy
}

export function spectralMeasures({ squares, frobeniusSquare, isComplete }: Spectrum): SpectralMeasures {
  const first = squares[0] ?? 0
  return {
    spectralNorm: Math.sqrt(first),
    stableRank: first === 0 ? 0 : frobeniusSquare / first,
    effectiveRank: isComplete ? Math.exp(entropyOf(squares.map(Math.sqrt))) : null,
    entropy: isComplete && squares.length > 1 ? entropyOf(squares) / Math.log(squares.length) : null,
  }
}

export interface PrincipalDimensions {
  /** (Σλ)²/Σλ² of the covariance: how many directions of equal variance would spread as much. */
  readonly participationRatio: number
  /** Directions that hold 90% and 99% of the variance. */
  readonly directions90: number
  readonly directions99: number
}

/** Of the eigenvalues of a covariance, the largest first. */
export function principalDimensions(eigenvalues: ArrayLike<number>): PrincipalDimensions {
  let sum = 0
  let squares = 0
  for (let at = 0; at < eigenvalues.length; at++) {
    sum += eigenvalues[at]!
    squares += eigenvalues[at]! ** 2
  }
  const holding = (share: number): number => {
    let held = 0
    for (let at = 0; at < eigenvalues.length; at++) {
      held += eigenvalues[at]!
      // A sum of rounded parts may stay a little below the sum of all.
      if (held >= share * sum * (1 - 1e-12)) return at + 1
    }
    return eigenvalues.length
  }
  return {
    participationRatio: squares === 0 ? 0 : sum ** 2 / squares,
    directions90: squares === 0 ? 0 : holding(0.9),
    directions99: squares === 0 ? 0 : holding(0.99),
  }
}
