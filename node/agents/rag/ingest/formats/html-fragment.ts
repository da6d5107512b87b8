/** The text in a scrap of HTML, without a document around it: for HTML inside Markdown. */

const DROPPED = /^(script|style|template|svg|math|head|iframe|object)$/

/**
 * Text outside tags, a space for each tag; what stands in scripts and styles is left out. One pass, linear in the length:
 * scraps come by the thousands and some are made to be slow.
 */
export function htmlFragmentText(html: string): string {
  let text = ''
  let at = 0
  let lower: string | null = null
  while (at < html.length) {
    const open = html.indexOf('<', at)
    text += html.slice(at, open < 0 ? html.length : open)
    if (open < 0) break
    if (html.startsWith('<!--', open)) {
      const end = html.indexOf('-->', open + 4)
      at = end < 0 ? html.length : end + 3
      continue
    }
    const close = html.indexOf('>', open)
    if (close < 0) {
      text += html.slice(open)
      break
    }
    const name = /^<\/?([a-z][a-z0-9]*)/i
      .exec(html.slice(open, Math.min(close, open + 32)))?.[1]
      ?.toLowerCase()
    at = close + 1
    if (name === undefined) {
      text += html.slice(open, at)
      continue
    }
    if (DROPPED.test(name) && html[open + 1] !== '/') {
      lower ??= html.toLowerCase()
      const end = lower.indexOf(`</${name}`, at)
      at = end < 0 ? html.length : end
      continue
    }
    text += name === 'br' ? '\n' : ' '
  }
  return text.replace(/[^\S\n]+/g, ' ')
}
