/**
 * Rules that decide coordinate by coordinate (Yin, Chen, Ramchandran, Bartlett 2018, arXiv 1803.01498): the median (definition 1) and the
 * trimmed mean (definition 2). Both lie between honest values at every coordinate as long as fewer than half of the clients lie,
 * whatever those send. Clients are not weighted: a weight is what a client claims.
 */
import { type AggregationRule, NOBODY } from './rule.ts'
import { chunks, type UpdateSource } from './update-source.ts'

/** Above it the sort of the language wins over insertion. */
const INSERTION_UP_TO = 48

/** Sorts in place, ascending. */
function sortColumn(column: Float32Array): void {
  if (column.length > INSERTION_UP_TO) {
    column.sort()
    return
  }
  for (let at = 1; at < column.length; at++) {
    const value = column[at]!
    let place = at
    while (place > 0 && column[place - 1]! > value) {
      column[place] = column[place - 1]!
      place -= 1
    }
    column[place] = value
  }
}

/** Calls `reduce` with the values of all clients at each coordinate, sorted: the order of the clients makes no difference to it. */
export function bySortedCoordinate(
  source: UpdateSource,
  reduce: (sorted: Float32Array) => number,
  target: Float32Array,
): void {
  const column = new Float32Array(source.clients)
  for (const { start, length, rows } of chunks(source))
    for (let at = 0; at < length; at++) {
      for (let client = 0; client < rows.length; client++) column[client] = rows[client]![at]!
      sortColumn(column)
      target[start + at] = reduce(column)
    }
}

/** Of sorted values. */
export function sortedMedian(sorted: Float32Array): number {
  const upper = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[upper]! : (sorted[upper - 1]! + sorted[upper]!) / 2
}

/** The mean without the `trimmed` smallest and largest, in ascending order and float64. */
function trimmedMean(sorted: Float32Array, trimmed: number): number {
  let sum = 0
  for (let at = trimmed; at < sorted.length - trimmed; at++) sum += sorted[at]!
  return sum / (sorted.length - 2 * trimmed)
}

export const medianRule: AggregationRule = {
  name: 'median',
  title: 'coordinate-wise median',
  source: 'Yin et al. 2018, arXiv 1803.01498, definition 1',
  needs: 'singles',
  isWeighted: false,
  isRobust: true,
  options: {},
  minimumClients: (adversaries) => 2 * adversaries + 1,
  aggregate(source, _context, target) {
    bySortedCoordinate(source, sortedMedian, target)
    return NOBODY
  },
}

export const trimmedMeanRule: AggregationRule = {
  name: 'trimmed-mean',
  title: 'coordinate-wise mean without the f smallest and the f largest',
  source: 'Yin et al. 2018, arXiv 1803.01498, definition 2',
  needs: 'singles',
  isWeighted: false,
  isRobust: true,
  options: {},
  minimumClients: (adversaries) => 2 * adversaries + 1,
  aggregate(source, { adversaries }, target) {
    bySortedCoordinate(source, (sorted) => trimmedMean(sorted, adversaries), target)
    return NOBODY
  },
}
