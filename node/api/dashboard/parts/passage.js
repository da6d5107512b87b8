/** Passages of documents: where one is opened, and text with marked words. */
import { short } from './format.js'
import { html } from './html.js'
import { placeOf } from './place.js'

/**
 * The address of a document, open at a span (UTF-16 offsets in its text). Segment and chunk say where the passage lies: without them
 * only documents of this node's own collections can be opened.
 *
 * @param {{ collection: string, document: string, start?: number, end?: number, segment?: string, chunk?: number }} passage
 */
export function passagePlace({ collection, document, start, end, segment, chunk }) {
  const span = start === undefined ? [] : [`${start}-${end}`]
  const lies = start === undefined || segment === undefined ? [] : [segment, String(chunk)]
  return placeOf('knowledge', collection, document, ...span, ...lies)
}

/**
 * Text with some of it marked. What it says is another's: it is only ever text here.
 * @param {{ text: string, spans: readonly { start: number, end: number }[] }} given spans rising and apart
 */
export function Marked({ text, spans }) {
  const parts = []
  let at = 0
  for (const { start, end } of spans) {
    if (start > at) parts.push(text.slice(at, start))
    if (end > start) parts.push(html`<mark>${text.slice(Math.max(at, start), end)}</mark>`)
    at = Math.max(at, end)
  }
  parts.push(text.slice(at))
  return html`<span>${parts}</span>`
}

/** What a peer is called here: this node, a member by its name, else the beginning and end of its ID. */
export function peerName(peer, { status, members }) {
  if (peer === status?.peer) return 'this node'
  return members?.find((member) => member.peer === peer)?.name || short(peer)
}

/** `notes@12D3…` as `notes@node-2`. */
export function collectionName(label, state) {
  const at = label.lastIndexOf('@')
  return at <= 0 ? label : `${label.slice(0, at)}@${peerName(label.slice(at + 1), state)}`
}
