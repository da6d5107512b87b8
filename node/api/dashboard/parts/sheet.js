/** Adds a style sheet of the daemon to the page once; what needs it waits, so that nothing is shown without it. */

/** @type {Map<string, Promise<void>>} */
const sheets = new Map()

/** @param {string} href @returns {Promise<void>} */
export function loadSheet(href) {
  let loading = sheets.get(href)
  if (loading === undefined) {
    loading = new Promise((resolve, reject) => {
      const link = document.createElement('link')
      link.rel = 'stylesheet'
      link.href = href
      link.onload = () => resolve()
      link.onerror = () => {
        // The next one who asks tries again.
        sheets.delete(href)
        link.remove()
        reject(new Error('A style sheet of the page could not be loaded.'))
      }
      document.head.append(link)
    })
    sheets.set(href, loading)
  }
  return loading
}
