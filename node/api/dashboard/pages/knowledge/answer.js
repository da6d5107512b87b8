/** An answer with its sources: each citation opens the passage that it rests on. */
import { useEffect, useState } from '../../lib/hooks.js'
import { Cited, Evidence } from '../../parts/cited.js'
import { send } from '../../parts/connection.js'
import { percent } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { collectionName, Marked, passagePlace, peerName } from '../../parts/passage.js'
import { placeOf } from '../../parts/place.js'
import { Empty, Loading, Problem, Section, useAction } from '../../parts/widgets.js'
import { Gaps } from './gaps.js'
import { createMemory } from './memory.js'
import { scopeBody, writeScope } from './scope.js'

/** Back from a passage shows the answer at once. */
const given = createMemory(6)

/** Where a source is opened: at the sentences that cite it. */
function placeOfSource(source, sentences) {
  const spans = sentences.filter(({ citation }) => citation === source.number)
  if (spans.length === 0) return passagePlace(source)
  const start = Math.min(...spans.map((span) => span.start))
  const end = Math.max(...spans.map((span) => span.end))
  return passagePlace({ ...source, start, end })
}

function Source({ source, href, state }) {
  const { number, title, source: from, page, headings, collection, vouchedBy, snippet } = source
  return html`<li class="hit" value=${number} id=${`source-${number}`}>
    <h3><span class="source-number">[${number}]</span> <a class="hit-title" href=${href}>${title ?? from}</a></h3>
    <p class="hit-place">
      <span>${from}</span>${page === null ? null : html`<span>page ${page}</span>`}
      ${headings.length === 0 ? null : html`<span>${headings.join(' › ')}</span>`}
      <span>in ${collectionName(collection, state)}</span>
      <span>by ${vouchedBy.map((peer) => peerName(peer, state)).join(', ') || 'nobody'}</span>
    </p>
    <p class="snippet"><${Marked} text=${snippet.text} spans=${snippet.highlights} /></p>
  </li>`
}

function Unknown({ answer, text, scope }) {
  const chosen = writeScope(scope)
  return html`<div class="unknown">
    <h3>I don’t know</h3>
    <p>The collections hold no answer to this that is well enough covered.
      ${answer.missingWords.length === 0 ? '' : ` Nothing near it has: ${answer.missingWords.join(', ')}.`}</p>
    <ul class="advice">
      <li><a href=${placeOf('knowledge', '~search', text, ...(chosen === '' ? [] : [chosen]))}>Search for the words</a> and read what is nearest.</li>
      ${chosen === '' ? null : html`<li><a href=${placeOf('knowledge', '~ask', text)}>Ask in all collections</a>.</li>`}
      <li><a href=${placeOf('knowledge', '~add')}>Index more documents</a>.</li>
    </ul>
  </div>`
}

function Steps({ answer }) {
  const { steps, queries, agent, parts } = answer
  return html`<details class="why"><summary>How it was found</summary><div class="explain">
    <p>Answered by ${agent}${steps.length === 0 ? '' : ', after '}${steps.map(({ tool, agent: by }, index) => html`${index === 0 ? '' : ', '}<code>${by}: ${tool}</code>`)}.</p>
    ${queries.length === 0 ? null : html`<p>Searched: ${queries.map((query, index) => html`${index === 0 ? '' : ', '}“${query}”`)}.</p>`}
    ${parts.length === 0 ? null : html`<ul>${parts.map((part) => html`<li>“${part.question}”: ${percent(part.confidence)}, ${part.isFound ? 'answered' : 'not found'}</li>`)}</ul>`}
  </div></details>`
}

function Answered({ answer, text, scope, state }) {
  const { sentences, sources, generated, isFound, village } = answer
  const byNumber = new Map(sources.map((source) => [source.number, source]))
  const href = (number) => {
    const source = byNumber.get(number)
    return source === undefined ? null : placeOfSource(source, sentences)
  }
  const titleOf = (number) => byNumber.get(number)?.title ?? byNumber.get(number)?.source ?? ''
  const cited = new Set([...sentences.map(({ citation }) => citation), ...(generated?.citations ?? [])])
  const shown = isFound ? sources.filter(({ number }) => cited.has(number)) : sources.slice(0, 3)
  return html`
    ${isFound ? html`<p class="answer"><${Cited} text=${answer.text} href=${href} titleOf=${titleOf} /></p>` : html`<${Unknown} answer=${answer} text=${text} scope=${scope} />`}
    ${village === null ? null : html`<div class="aside"><h3>The village says</h3><p class="words">${village}</p></div>`}
    ${generated === null ? null : html`<div class="aside"><h3>In the words of ${generated.model}</h3><p class="words"><${Cited} text=${generated.text} href=${href} titleOf=${titleOf} /></p><p class="foot">Made by a language model out of the sources: experimental. The sentences above are the documents’ own.</p></div>`}
    ${answer.confidence === null ? null : html`<${Evidence} confidence=${answer.confidence} threshold=${answer.threshold} />`}
    ${isFound && answer.missingWords.length > 0 ? html`<p class="foot">The best sentence does not have: ${answer.missingWords.join(', ')}. It may speak of something else.</p>` : null}
    <${Gaps} missing=${answer.missing} warnings=${answer.warnings} state=${state} />
    ${
      shown.length === 0
        ? null
        : html`<h3 class="sources-title">${isFound ? 'Sources' : 'What came nearest'}</h3>
          <ol class="hits">${shown.map((source) => html`<${Source} key=${source.number} source=${source} href=${placeOfSource(source, sentences)} state=${state} />`)}</ol>`
    }
    <${Steps} answer=${answer} />`
}

export function AnswerPage({ state, text, scope }) {
  const key = `${text}\n${writeScope(scope)}`
  const [answer, setAnswer] = useState(() => given.get(key) ?? null)
  const { busy, error, act } = useAction(async () => {
    const found = await send('POST', '/api/v1/ask', { question: text, ...scopeBody(scope) })
    given.set(key, found)
    setAnswer(found)
  })
  useEffect(() => {
    if (answer === null && text !== '') act()
  }, [])
  const isEmpty = error?.code === 'KNOWLEDGE_EMPTY'
  const by = answer === null ? '' : peerName(answer.peer, state)
  const status =
    answer === null
      ? ''
      : `${(answer.tookMs / 1000).toFixed(answer.tookMs < 1000 ? 2 : 1)} s · asked at ${by}`
  return html`<${Section} id="answer" title=${text}>
    <p class="foot" role="status">${busy ? 'Reading…' : status}</p>
    <${Problem} error=${isEmpty ? null : error} />
    ${
      answer === null
        ? error === null
          ? html`<${Loading} lines=${5} />`
          : isEmpty
            ? html`<${Empty}>There is nothing to read yet. <a href=${placeOf('knowledge', '~add')}>Index a folder</a> first.<//>`
            : null
        : html`<${Answered} answer=${answer} text=${text} scope=${scope} state=${state} />`
    }
  <//>`
}
