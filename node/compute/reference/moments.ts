/**
 * Second moments of activations and their factorisation into error feedback: the oracle of native/moments.cc. All sums
 * are float64, each added in the order of its index, without fused multiply-add, so that batches and blocks change no bit.
 */

/**
 * Adds the outer products of `count` rows (count × cols, row-major) to the upper triangle (column ≥ row) of `sums`
 * (cols × cols). One row after the other: how rows are batched changes no bit.
 */
export function addMoments(rows: Float32Array, count: number, cols: number, sums: Float64Array): void {
  const whole = count - (count % 4)
  for (let sample = 0; sample < whole; sample += 4) addFour(rows, sample * cols, cols, sums)
  for (let sample = whole; sample < count; sample++) {
    const at = sample * cols
    for (let i = 0; i < cols; i++) {
      const x = rows[at + i]!
      for (let j = i; j < cols; j++) sums[i * cols + j]! += x * rows[at + j]!
    }
  }
}

/** Four rows at once take each sum from memory once; they are still added one after the other. */
function addFour(rows: Float32Array, at: number, cols: number, sums: Float64Array): void {
  const [first, second, third, fourth] = [at, at + cols, at + 2 * cols, at + 3 * cols]
  for (let i = 0; i < cols; i++) {
    const a = rows[first + i]!
    const b = rows[second + i]!
    const c = rows[third + i]!
    const d = rows[fourth + i]!
    for (let j = i; j < cols; j++) {
      let sum = sums[i * cols + j]!
      sum += a * rows[first + j]!
      sum += b * rows[second + j]!
      sum += c * rows[third + j]!
      sum += d * rows[fourth + j]!
      sums[i * cols + j] = sum
    }
  }
}

/**
 * From the upper triangle of H (cols × cols, positive definite; destroyed) the error feedback F (cols × cols, strictly
 * upper triangular) and the conditional weights 1/U_jj², H⁻¹ = UᵀU with U upper triangular, F[j][k] = U_jk / U_jj. Null
 * where H is not positive definite in float64.
 *
 * Neither H⁻¹ nor U is formed: with H read backwards (last column first) H = L·Lᵀ and L = L₁·D, L₁ of unit diagonal;
 * U read backwards is L⁻¹, so that F + I read backwards is L₁⁻¹ and 1/U_jj is the diagonal of L.
 */
export function factorMoments(
  moments: Float64Array,
  cols: number,
): { feedback: Float32Array; conditional: Float64Array } | null {
  moments.reverse()
  if (!choleskyInPlace(moments, cols)) return null
  const conditional = new Float64Array(cols)
  for (let j = 0; j < cols; j++) {
    const pivot = moments[j * cols + j]!
    conditional[cols - 1 - j] = pivot * pivot
    for (let i = j + 1; i < cols; i++) moments[i * cols + j]! /= pivot
  }
  const inverse = invertUnitLower(moments, cols)
  const feedback = new Float32Array(cols * cols)
  for (let i = 1; i < cols; i++)
    for (let j = 0; j < i; j++) feedback[(cols - 1 - i) * cols + (cols - 1 - j)] = inverse[i * cols + j]!
  return { feedback, conditional }
}

/**
 * For each row e (count × cols) the energy e H eᵀ of what it makes of the inputs, up to the factor that `conditional` was
 * scaled by: with a (I + F) = e it is Σ_j conditional_j · a_j².
 */
export function outputEnergies(
  rows: Float32Array,
  cols: number,
  feedback: Float32Array,
  conditional: Float32Array,
): Float64Array {
  const energies = new Float64Array(rows.length / cols)
  for (let row = 0; row < energies.length; row++) {
    const undone = Float64Array.from(rows.subarray(row * cols, (row + 1) * cols))
    let energy = 0
    for (let j = 0; j < cols; j++) {
      const value = undone[j]!
      for (let k = j + 1; k < cols; k++) undone[k]! -= value * feedback[j * cols + k]!
      energy += conditional[j]! * (value * value)
    }
    energies[row] = energy
  }
  return energies
}

/** The lower triangle of A becomes L, A = L·Lᵀ. False where a pivot is not positive and finite. */
function choleskyInPlace(a: Float64Array, n: number): boolean {
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let sum = a[i * n + j]!
      for (let k = 0; k < j; k++) sum -= a[i * n + k]! * a[j * n + k]!
      if (i > j) a[i * n + j] = sum / a[j * n + j]!
      else if (sum > 0 && sum < Infinity) a[j * n + j] = Math.sqrt(sum)
      else return false
    }
  }
  return true
}

/** Inverse of a lower triangle whose diagonal counts as 1: row i is −Σ_k L_ik · (row k), k rising. */
function invertUnitLower(lower: Float64Array, n: number): Float64Array {
  const inverse = new Float64Array(n * n)
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) {
      const factor = lower[i * n + k]!
      for (let j = 0; j <= k; j++) inverse[i * n + j]! -= factor * inverse[k * n + j]!
    }
    inverse[i * n + i] = 1
  }
  return inverse
}
