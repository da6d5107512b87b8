/** Ranking by several objectives (Deb, Pratap, Agarwal and Meyarivan: "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II", 2002, IEEE TEC 6). */

/** Whether a is at least as good everywhere and better somewhere. */
export function dominates(a: readonly number[], b: readonly number[]): boolean {
  let isBetter = false
  for (const [index, value] of a.entries()) {
    if (value < b[index]!) return false
    if (value > b[index]!) isBetter = true
  }
  return isBetter
}

/** Indexes by front, best front first, each ascending (fast non-dominated sort, section III A). */
export function fronts(rows: readonly (readonly number[])[]): number[][] {
  const dominated: number[][] = rows.map(() => [])
  const dominators = rows.map(() => 0)
  for (let a = 0; a < rows.length; a++)
    for (let b = a + 1; b < rows.length; b++) {
      const [better, worse] = dominates(rows[a]!, rows[b]!)
        ? [a, b]
        : dominates(rows[b]!, rows[a]!)
          ? [b, a]
          : []
      if (better === undefined || worse === undefined) continue
      dominated[better]!.push(worse)
      dominators[worse]! += 1
    }
  const found: number[][] = []
  let front = rows.map((_, index) => index).filter((index) => dominators[index] === 0)
  while (front.length > 0) {
    found.push(front)
    const next: number[] = []
    for (const better of front)
      for (const worse of dominated[better]!) {
        dominators[worse]! -= 1
        if (dominators[worse] === 0) next.push(worse)
      }
    front = next.sort((a, b) => a - b)
  }
  return found
}

/** Crowding distance by row, rows being of one front (section III B): infinite at the ends of an objective. */
export function crowding(rows: readonly (readonly number[])[]): number[] {
  const distances = rows.map(() => 0)
  for (let objective = 0; objective < (rows[0]?.length ?? 0); objective++) {
    const at = (index: number) => rows[index]![objective]!
    const order = rows.map((_, index) => index).sort((a, b) => at(a) - at(b) || a - b)
    const [first, last] = [order[0]!, order.at(-1)!]
    const range = at(last) - at(first)
    distances[first] = Number.POSITIVE_INFINITY
    distances[last] = Number.POSITIVE_INFINITY
    if (range === 0) continue
    for (let place = 1; place + 1 < order.length; place++)
      distances[order[place]!]! += (at(order[place + 1]!) - at(order[place - 1]!)) / range
  }
  return distances
}

export interface ParetoRank {
  readonly index: number
  readonly front: number
  readonly crowding: number
}

/** All rows, best first: by front, then by crowding, then in their order (the crowded comparison of section III B). */
export function paretoOrder(rows: readonly (readonly number[])[]): ParetoRank[] {
  return fronts(rows).flatMap((members, front) => {
    const distances = crowding(members.map((index) => rows[index]!))
    return members
      .map((index, place) => ({ index, front, crowding: distances[place]! }))
      .sort((a, b) => (a.crowding === b.crowding ? 0 : b.crowding - a.crowding))
  })
}
