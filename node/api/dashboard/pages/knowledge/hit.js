/** A passage that a search found, and how its score came about. */
import { html } from '../../parts/html.js'
import { collectionName, Marked, passagePlace, peerName } from '../../parts/passage.js'
import { Bar, Table } from '../../parts/widgets.js'

const digits = (value) => (value === null ? '–' : value.toFixed(3))

/** What speaks for a passage by itself: its score only says how it compares with the best. */
function evidence({ wordsFound, wordsAsked, cosine }) {
  const meaning = cosine === null ? '' : `, cosine ${cosine.toFixed(2)}`
  if (wordsFound === 0) return cosine === null ? 'none of the words' : `near by meaning${meaning}`
  if (wordsAsked === 1) return `has the word${meaning}`
  return `${wordsFound < wordsAsked ? `${wordsFound} of ${wordsAsked}` : wordsAsked === 2 ? 'both' : `all ${wordsAsked}`} words${meaning}`
}

function Explanation({ hit }) {
  const { explain, score, lexical, cosine } = hit
  const { terms, length, averageLength, normalisedLexical, normalisedCosine, weight, isConsistent } = explain
  const best = Math.max(...terms.map(({ contribution }) => contribution), 0)
  const parts = [
    normalisedLexical === null
      ? null
      : `words: BM25 ${digits(lexical)}, ${digits(normalisedLexical)} of the best, weight ${(1 - weight).toFixed(2)}`,
    normalisedCosine === null
      ? null
      : `meaning: cosine ${digits(cosine)}, ${digits(normalisedCosine)} of the best, weight ${weight.toFixed(2)}`,
  ].filter((part) => part !== null)
  return html`<div class="explain">
    <p>Score ${digits(score)} among what was found${parts.length === 0 ? '' : `: ${parts.join('; ')}`}. ${length} terms, ${averageLength.toFixed(1)} on average.</p>
    ${
      terms.length === 0
        ? null
        : html`<${Table} label="What each word adds" head=${['Word', 'Times', 'In passages', 'Rarity', 'Adds', '']}
            rows=${terms.map((term, index) => ({
              key: index,
              cells: [
                html`<code>${term.field === null ? term.term : `${term.field}:${term.term}`}</code>`,
                term.frequency,
                term.documentFrequency,
                digits(term.idf),
                digits(term.contribution),
                html`<${Bar} share=${best === 0 ? 0 : term.contribution / best} label=${`Share of ${term.term}`} />`,
              ],
            }))} />`
    }
    ${isConsistent === false ? html`<p class="doubt">The text does not give the score that it was ranked by: do not trust it.</p>` : null}
  </div>`
}

export function Hit({ hit, state }) {
  const { record, title, page, headings, collection, vouchedBy, snippet } = hit
  const shown = record.title ?? (title === '' ? record.source : title)
  return html`<li class="hit">
    <h3><a class="hit-title" href=${passagePlace(hit)}>${shown}</a> <span class="soft">${evidence(hit)}</span></h3>
    <p class="hit-place">
      <span>${record.source}</span>${page === null ? null : html`<span>page ${page}</span>`}
      ${headings.length === 0 ? null : html`<span>${headings.join(' › ')}</span>`}
      <span>in ${collectionName(collection, state)}</span>
      <span>by ${vouchedBy.map((peer) => peerName(peer, state)).join(', ') || 'nobody'}</span>
    </p>
    <p class="snippet"><${Marked} text=${snippet.text} spans=${snippet.highlights} /></p>
    ${hit.explain === null ? null : html`<details class="why"><summary>Why it is here</summary><${Explanation} hit=${hit} /></details>`}
  </li>`
}
