/** What a search or an answer could not take in, said plainly. */
import { counted } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { collectionName } from '../../parts/passage.js'

const REASONS = {
  KNOWLEDGE_UNAVAILABLE: 'nobody who holds it answered in time',
  PEER_UNREACHABLE: 'nobody who holds it is here',
  PEER_BUSY: 'who holds it has no time now',
  PEER_RATE_LIMITED: 'who holds it has answered often enough for now',
  SKETCH_UNKNOWN: 'this node does not know yet what is in it',
  SEGMENT_UNPROMISING: 'other parts were more promising',
  ANSWER_IMPLAUSIBLE: 'what was answered cannot be right',
  ANSWER_UNCONFIRMED: 'nobody else confirms what was answered',
  COLLECTION_CORRUPT: 'cannot be read on this node',
  INDEX_CORRUPT: 'cannot be read on this node',
}

/** `isModeChosen`: that nothing has vectors is worth a word only to whoever asked for them. */
export function Gaps({ missing, warnings: all, state, isModeChosen = false }) {
  const warnings = all.filter(({ code }) => isModeChosen || code !== 'NO_VECTORS')
  if (missing.length === 0 && warnings.length === 0) return null
  return html`<ul class="gaps">
    ${missing.map(
      ({ collection, chunks, reason }, index) =>
        html`<li key=${`m${index}`}><strong>Not searched:</strong> ${counted(chunks, 'passage')} of ${collectionName(collection, state)}: ${REASONS[reason] ?? html`<code>${reason}</code>`}.</li>`,
    )}
    ${warnings.map(({ code, message }) => html`<li key=${code}>${message} <code>${code}</code></li>`)}
  </ul>`
}

/** Who stands behind what was found. */
export function answeredBy(hits, nameOf) {
  const peers = [...new Set(hits.flatMap(({ vouchedBy }) => vouchedBy))]
  return peers.length === 0 ? '' : `answered by ${peers.map(nameOf).join(', ')}`
}
