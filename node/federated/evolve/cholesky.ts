/**
 * Cholesky factors of small symmetric matrices, with sums in a fixed order (Golub and Van Loan, 2013, section 4.2): A = L·Lᵀ. Only
 * operations that every machine rounds alike.
 */

/** The lower factor as rows; null when the matrix is not positive definite. Reads the lower triangle only. */
export function cholesky(matrix: readonly (readonly number[])[]): number[][] | null {
  const factor: number[][] = []
  for (const [i, given] of matrix.entries()) {
    const row: number[] = []
    for (let j = 0; j <= i; j++) {
      const other = j === i ? row : factor[j]!
      let sum = given[j]!
      for (let k = 0; k < j; k++) sum -= row[k]! * other[k]!
      if (j < i) row.push(sum / other[j]!)
      else if (sum > 0) row.push(Math.sqrt(sum))
      else return null
    }
    factor.push(row)
  }
  return factor
}

/** L·x */
export const timesLower = (factor: readonly (readonly number[])[], x: readonly number[]): number[] =>
  factor.map((row) => {
    let sum = 0
    for (const [k, value] of row.entries()) sum += value * x[k]!
    return sum
  })

/** x of L·x = b. */
export function solveLower(factor: readonly (readonly number[])[], b: readonly number[]): number[] {
  const x: number[] = []
  for (const [i, row] of factor.entries()) {
    let sum = b[i]!
    for (let k = 0; k < i; k++) sum -= row[k]! * x[k]!
    x.push(sum / row[i]!)
  }
  return x
}

/** x of Lᵀ·x = b. */
export function solveUpper(factor: readonly (readonly number[])[], b: readonly number[]): number[] {
  const x = [...b]
  for (let i = factor.length - 1; i >= 0; i--) {
    x[i] = x[i]! / factor[i]![i]!
    for (let k = 0; k < i; k++) x[k] = x[k]! - factor[i]![k]! * x[i]!
  }
  return x
}
