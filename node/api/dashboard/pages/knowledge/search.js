/** What a search finds: passages with the words marked, why each is there, and what could not be asked. */
import { useEffect, useRef, useState } from '../../lib/hooks.js'
import { send } from '../../parts/connection.js'
import { count, counted } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { peerName } from '../../parts/passage.js'
import { placeOf } from '../../parts/place.js'
import { Empty, Loading, Problem, Section, useAction } from '../../parts/widgets.js'
import { answeredBy, Gaps } from './gaps.js'
import { Hit } from './hit.js'
import { createMemory } from './memory.js'
import { scopeBody, writeScope } from './scope.js'

const PAGE = 10
const MOST = 100
/** Back from a passage shows what was found at once. */
const found = createMemory(6)

function NothingFound({ text, scope, answer }) {
  const narrowed = writeScope(scope) !== ''
  return html`<${Empty}>
    <strong>Nothing was found</strong> among ${counted(answer.chunks, 'passage')}.
    ${narrowed ? html` <a href=${placeOf('knowledge', '~search', text)}>Search everything</a>, or use` : ' Use'} fewer or other words;
    a search by meaning needs a collection with vectors.
  <//>`
}

/** Up and down go from one passage to the next. */
function onArrow(event) {
  const step = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1 }[event.key]
  if (step === undefined || event.target.closest('details, input, textarea, select') !== null) return
  const links = [...event.currentTarget.querySelectorAll('.hit-title')]
  const next = links[links.indexOf(document.activeElement) + step]
  if (next === undefined) return
  event.preventDefault()
  next.focus()
}

export function SearchPage({ state, text, scope }) {
  const key = `${text}\n${writeScope(scope)}`
  const [answer, setAnswer] = useState(() => found.get(key) ?? null)
  const list = useRef(null)
  const { busy, error, act } = useAction(async (limit) => {
    const body = { query: text, limit, explain: true, ...scopeBody(scope) }
    const given = await send('POST', '/api/v1/search', body)
    const kept = { ...given, limit }
    found.set(key, kept)
    setAnswer(kept)
  })
  useEffect(() => {
    if (answer === null && text !== '') act(PAGE)
  }, [])
  const more = async () => {
    const before = answer.hits.length
    await act(Math.min(MOST, answer.limit + PAGE))
    requestAnimationFrame(() => list.current?.querySelectorAll('.hit-title')[before]?.focus())
  }
  const nameOf = (peer) => peerName(peer, state)
  const isFull = answer !== null && answer.hits.length >= answer.limit
  const summary =
    answer === null
      ? ''
      : [
          `${counted(answer.hits.length, 'passage')} of ${count(answer.chunks)}`,
          `${answer.tookMs < 10 ? answer.tookMs.toFixed(1) : Math.round(answer.tookMs)} ms`,
          answer.mode,
          answeredBy(answer.hits, nameOf),
        ]
          .filter((part) => part !== '')
          .join(' · ')
  return html`<${Section} id="found" title=${`Found for “${text}”`} aside=${html`<a href=${placeOf('knowledge', '~ask', text, ...(writeScope(scope) === '' ? [] : [writeScope(scope)]))}>Ask this instead</a>`}>
    <p class="foot" role="status">${busy && answer === null ? 'Searching…' : summary}</p>
    <${Problem} error=${error} />
    ${answer === null ? (error === null ? html`<${Loading} lines=${6} />` : null) : html`<${Gaps} missing=${answer.missing} warnings=${answer.warnings} state=${state} isModeChosen=${scope.mode !== ''} />`}
    ${answer !== null && answer.hits.length === 0 ? html`<${NothingFound} text=${text} scope=${scope} answer=${answer} />` : null}
    ${
      answer === null || answer.hits.length === 0
        ? null
        : html`<ol class="hits" ref=${list} onKeyDown=${onArrow} aria-label="Passages">${answer.hits.map(
            (hit) => html`<${Hit} key=${`${hit.segment}/${hit.chunk}`} hit=${hit} state=${state} />`,
          )}</ol>`
    }
    ${
      isFull
        ? answer.limit >= MOST
          ? html`<p class="foot">These are the best ${MOST}. Add words or conditions to see others.</p>`
          : html`<button type="button" disabled=${busy} onClick=${more}>${busy ? 'Searching…' : 'Show more'}</button>`
        : null
    }
  <//>`
}
