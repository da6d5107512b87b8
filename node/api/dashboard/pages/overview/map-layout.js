/** Where the members of a village stand on its map: around this node, on one ring or, where they are many, on two. */

/** Room for a name, in pixels. */
const SPACING_PX = 104
const MARGIN_X_PX = 58
const TOP_PX = 26
const BOTTOM_PX = 50
const INNER = 0.58
/** One or two stand beside this node. */
const FLAT_PX = 130

/** Length of an ellipse (Ramanujan's first approximation). */
function perimeter(a, b) {
  return Math.PI * (3 * (a + b) - Math.sqrt((3 * a + b) * (a + 3 * b)))
}

/** How high a map of this width is for so many. @param {number} count @param {number} widthPx */
export const heightOf = (count, widthPx) =>
  count <= 2 ? FLAT_PX : Math.round(Math.min(460, Math.max(250, Math.min(widthPx * 0.55, 170 + count * 18))))

/** How many can be shown such that their names do not lie on each other. */
export function roomFor(widthPx, heightPx) {
  const { rx, ry } = radii(widthPx, heightPx)
  const outer = Math.floor(perimeter(rx, ry) / SPACING_PX)
  return Math.max(4, outer + Math.floor(outer * INNER))
}

const radii = (widthPx, heightPx) => ({
  rx: Math.max(40, widthPx / 2 - MARGIN_X_PX),
  ry: Math.max(20, (heightPx - TOP_PX - BOTTOM_PX) / 2),
})

/**
 * @param {number} count how many stand around this node @param {number} widthPx @param {number} heightPx
 * @returns {{ center: { x: number, y: number }, spots: { x: number, y: number }[] }}
 */
export function layoutMap(count, widthPx, heightPx) {
  const { rx, ry } = radii(widthPx, heightPx)
  const center = { x: widthPx / 2, y: TOP_PX + ry }
  const isTwo = count > Math.floor(perimeter(rx, ry) / SPACING_PX)
  const spots = Array.from({ length: count }, (_, index) => {
    // Two of them stand left and right: above each other they would lie on their own names.
    const angle = (2 * Math.PI * index) / Math.max(1, count) + (count <= 2 ? Math.PI : -Math.PI / 2)
    const scale = isTwo && index % 2 === 1 ? INNER : 1
    return { x: center.x + rx * scale * Math.cos(angle), y: center.y + ry * scale * Math.sin(angle) }
  })
  return { center, spots }
}
