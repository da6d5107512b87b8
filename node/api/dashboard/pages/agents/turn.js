/** One thing that was said in a conversation: by the person, or by an agent with what it did and rests on. */
import { Cited, Evidence } from '../../parts/cited.js'
import { html } from '../../parts/html.js'
import { passagePlace } from '../../parts/passage.js'
import { nameOfAgent, wordsOfTool } from '../../parts/tool-words.js'
import { Approval } from './approval.js'
import { Given } from './given.js'

const SIGNS = { running: '…', done: '✓', failed: '✗', refused: '–', cut: '✗' }
const OUTCOMES = { running: 'running', done: 'done', failed: 'failed', refused: 'refused', cut: 'cut off' }
/** Passages that are offered where nothing answers. */
const NEAREST = 3
const ENDINGS = {
  turns: 'it took as many turns as it may',
  time: 'its time was over',
  tokens: 'its tokens were used up',
  repeats: 'it repeated itself',
}

function Call({ call, isLive }) {
  const { tool, agent, summary, arguments: given } = call
  // Of a turn that ended meanwhile: the window or the node went away.
  const state = call.state === 'running' && !isLive ? 'cut' : call.state
  return html`<li class=${state}><details>
    <summary><span aria-hidden="true">${SIGNS[state]}</span> ${wordsOfTool(tool, given) ?? html`<code>${tool}</code>`} <span class="hidden">${OUTCOMES[state]}</span> <span class="call-summary">${summary}</span></summary>
    <div class="call-body"><p class="soft"><code>${tool}</code> ${OUTCOMES[state]}${agent ? `, called by ${nameOfAgent(agent)}` : ''}</p><${Given} given=${given} /></div>
  </details></li>`
}

/** Where a citation opens; null where it does not say, or nobody could read it here. */
function hrefOf({ place }) {
  if (place === null || place === undefined) return null
  const { passage, ...rest } = place
  if (passage === null && rest.collection.includes('@')) return null
  return passagePlace({ ...rest, ...(passage ?? {}) })
}

function Note({ citation }) {
  const { number, title, source, page } = citation
  const href = hrefOf(citation)
  const name = `${title ?? source}${page === null ? '' : `, page ${page}`}`
  return html`<li value=${number}>${href === null ? name : html`<a href=${href}>${name}</a>`}${title === null ? null : html` <span class="soft">${source}</span>`}</li>`
}

export function Turn({ turn }) {
  if (turn.role === 'user')
    return html`<li class="said mine"><span class="hidden">You: </span>${turn.text}</li>`
  const byNumber = new Map(turn.citations.map((citation) => [citation.number, citation]))
  const cited = new Set([...turn.text.matchAll(/\[(\d+)\]/g)].map(([, number]) => Number(number)))
  const isUnknown = turn.evidence?.isFound === false
  // Where nothing answers, what came nearest can be read.
  const notes = isUnknown
    ? turn.citations.slice(0, NEAREST)
    : turn.citations.filter(({ number }) => cited.has(number))
  const href = (number) => (byNumber.has(number) ? hrefOf(byNumber.get(number)) : null)
  const titleOf = (number) => byNumber.get(number)?.title ?? byNumber.get(number)?.source ?? ''
  return html`<li class="said" aria-busy=${turn.running === true ? 'true' : 'false'}>
    <p class="speaker">${nameOfAgent(turn.agent)}<span class="soft"> ${turn.running === true ? '' : (turn.model ?? 'by rules')}</span></p>
    ${
      turn.running === true && turn.plan?.length > 0
        ? html`<ol class="plan" aria-label="Plan">${turn.plan.map(({ tool, reason }, index) => html`<li key=${index}>${wordsOfTool(tool) ?? html`<code>${tool}</code>`}: ${reason}</li>`)}</ol>`
        : null
    }
    ${turn.calls.length === 0 ? null : html`<ul class="calls" aria-label="Calls">${turn.calls.map((call, index) => html`<${Call} key=${call.id ?? index} call=${call} isLive=${turn.running === true} />`)}</ul>`}
    ${turn.text === '' && turn.running === true ? html`<span class="soft">thinking…</span>` : html`<div class="words"><${Cited} text=${turn.text} href=${href} titleOf=${titleOf} /></div>`}
    ${notes.length === 0 ? null : html`${isUnknown ? html`<p class="foot">What came nearest:</p>` : null}<ol class="notes" aria-label=${isUnknown ? 'What came nearest' : 'Sources'}>${notes.map((citation) => html`<${Note} key=${citation.number} citation=${citation} />`)}</ol>`}
    ${turn.evidence ? html`<${Evidence} confidence=${turn.evidence.confidence} threshold=${turn.evidence.threshold} />` : null}
    ${(turn.approvals ?? []).map(
      ({ approval, tool, arguments: given, reason, expiresAtMs }) =>
        html`<${Approval} key=${approval} id=${approval} tool=${tool} given=${given} reason=${reason} expiresAtMs=${expiresAtMs} />`,
    )}
    ${ENDINGS[turn.finish] ? html`<p class="foot">Ended before it was done: ${ENDINGS[turn.finish]}.</p>` : null}
    ${turn.error === null ? null : html`<p class="foot">${turn.error.message} <code>${turn.error.code}</code></p>`}
  </li>`
}
