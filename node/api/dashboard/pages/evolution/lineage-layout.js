/** Where the candidates of a run stand in the graph of their descent. Pure. */

/** Columns stand apart so far at least and at most; few of them use the width that there is. */
const MIN_COLUMN = 76
const MAX_COLUMN = 150
const WIDTH = 840
const ROW = 26
const MARGIN = 22
const TOP = 34
/** More would be neither read nor drawn in time. */
const MAX_NODES = 160

/**
 * Ancestors of the best and the best candidates beside them, a column a generation, the best on top of each.
 * @param {Record<string, any>} report
 * @returns {{ width: number, height: number, generations: { generation: number, x: number }[],
 *   nodes: Map<string, { id: string, x: number, y: number, generation: number, by: string, parents: string[], mean: number | null, isAncestor: boolean, isSubject: boolean }>,
 *   edges: { from: string, to: string, path: string, isAncestor: boolean }[] }}
 */
export function layoutLineage({ lineage, candidates }) {
  const ancestors = new Set((lineage?.nodes ?? []).map(({ id }) => id))
  const known = new Map()
  for (const node of lineage?.nodes ?? []) known.set(node.id, node)
  for (const node of candidates) if (known.size < MAX_NODES && !known.has(node.id)) known.set(node.id, node)
  const byGeneration = Map.groupBy([...known.values()], ({ generation }) => generation)
  const order = [...byGeneration.keys()].sort((a, b) => a - b)
  const apart = Math.round(Math.max(MIN_COLUMN, Math.min(MAX_COLUMN, WIDTH / Math.max(1, order.length - 1))))
  const nodes = new Map()
  let most = 0
  order.forEach((generation, column) => {
    const rows = byGeneration
      .get(generation)
      .sort((a, b) => (b.mean ?? Number.NEGATIVE_INFINITY) - (a.mean ?? Number.NEGATIVE_INFINITY))
    most = Math.max(most, rows.length)
    rows.forEach(({ id, by, parents, mean }, row) => {
      nodes.set(id, {
        id,
        x: MARGIN + column * apart,
        y: TOP + row * ROW,
        generation,
        by,
        parents,
        mean,
        isAncestor: ancestors.has(id),
        isSubject: id === lineage?.id,
      })
    })
  })
  const edges = [...nodes.values()].flatMap((to) =>
    to.parents.flatMap((parent) => {
      const from = nodes.get(parent)
      if (from === undefined) return []
      const middle = (from.x + to.x) / 2
      const path =
        from.x === to.x
          ? `M${from.x} ${from.y}C${from.x - 18} ${from.y} ${to.x - 18} ${to.y} ${to.x} ${to.y}`
          : `M${from.x} ${from.y}C${middle} ${from.y} ${middle} ${to.y} ${to.x} ${to.y}`
      return [{ from: parent, to: to.id, path, isAncestor: to.isAncestor && from.isAncestor }]
    }),
  )
  return {
    width: 2 * MARGIN + Math.max(0, order.length - 1) * apart,
    height: TOP + most * ROW,
    generations: order.map((generation, column) => ({ generation, x: MARGIN + column * apart })),
    nodes,
    // What is drawn later lies on top.
    edges: edges.sort((a, b) => Number(a.isAncestor) - Number(b.isAncestor)),
  }
}

/** The node that an arrow key leads to from another, or null at the border. */
export function neighbour(nodes, id, key) {
  const from = nodes.get(id)
  const all = [...nodes.values()]
  if (key === 'ArrowUp' || key === 'ArrowDown') {
    const way = key === 'ArrowDown' ? 1 : -1
    const column = all.filter((node) => node.x === from.x && (node.y - from.y) * way > 0)
    return column.sort((a, b) => (a.y - b.y) * way)[0]?.id ?? null
  }
  const way = key === 'ArrowRight' ? 1 : -1
  const beyond = all.filter((node) => (node.x - from.x) * way > 0)
  const nearest = Math.min(...beyond.map((node) => Math.abs(node.x - from.x)))
  const column = beyond.filter((node) => Math.abs(node.x - from.x) === nearest)
  // Along the descent where there is one.
  const isKin = (node) => node.parents.includes(id) || from.parents.includes(node.id)
  const kin = column.filter(isKin)
  return (
    (kin.length > 0 ? kin : column).sort((a, b) => Math.abs(a.y - from.y) - Math.abs(b.y - from.y))[0]?.id ??
    null
  )
}
