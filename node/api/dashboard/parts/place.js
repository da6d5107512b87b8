/**
 * Where the reader is: `#page/part/part…`, each part encoded. A page gets the parts after its own name, so that every
 * view of it has an address that can be linked to, kept, and gone back from.
 */

/** @param {string} page @param {...string} parts */
export const placeOf = (page, ...parts) => `#${[page, ...parts].map(encodeURIComponent).join('/')}`

/** @param {string} hash @returns {string[]} page and parts; what cannot be decoded is as it stands */
export const readPlace = (hash) =>
  hash
    .replace(/^#/, '')
    .split('/')
    .map((part) => {
      try {
        return decodeURIComponent(part)
      } catch {
        return part
      }
    })

/** @param {string} page @param {...string} parts */
export function goTo(page, ...parts) {
  location.hash = placeOf(page, ...parts)
}
