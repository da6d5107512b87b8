/** Talking with an agent: what it says as it comes, what it does, and what it asks for. */

import { useEffect, useRef, useState } from '../../lib/hooks.js'
import { get, send, stream } from '../../parts/connection.js'
import { time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { Confirm, Empty, Problem, Section, useAction } from '../../parts/widgets.js'

const SIGNS = { running: '…', done: '✓', failed: '✗', refused: '–' }
const ENDINGS = {
  turns: 'it took as many turns as it may',
  time: 'its time was over',
  tokens: 'its tokens were used up',
  repeats: 'it repeated itself',
}
const at = (id) => `/api/v1/conversations/${encodeURIComponent(id)}`

/** An answer that has not begun. */
const emptyAnswer = (agent) => ({
  ...{ role: 'assistant', text: '', agent, finish: null, error: null },
  ...{ calls: [], citations: [], approvals: [], running: true },
})

/** The answer after one more event of the agent. */
function withEvent(answer, { type, data }) {
  const changed = (part) => answer.calls.map((call) => (call.id === data.call ? { ...call, ...part } : call))
  if (type === 'text') return { ...answer, text: answer.text + data.text }
  if (type === 'call')
    return {
      ...answer,
      // What was said before the call was no answer yet.
      text: '',
      calls: [...answer.calls, { id: data.call, tool: data.tool, state: 'running', summary: '' }],
    }
  if (type === 'progress') return { ...answer, calls: changed({ summary: data.message }) }
  if (type === 'result')
    return {
      ...answer,
      calls: changed({ state: data.state, summary: data.summary }),
      approvals: answer.approvals.filter((approval) => approval.call !== data.call),
    }
  if (type === 'approval') return { ...answer, approvals: [...answer.approvals, data] }
  if (type === 'done')
    return {
      ...answer,
      text: data.text,
      finish: data.finish,
      citations: data.evidence?.items ?? [],
      approvals: [],
      running: false,
    }
  return answer
}

/** A call that waits: what would be done with what, and the two answers. */
export function Approval({ id, tool, given, reason, onDecided }) {
  const { busy, error, act } = useAction(async (decision) => {
    await send('POST', `/api/v1/approvals/${encodeURIComponent(id)}`, { decision })
    onDecided?.()
  })
  return html`<div class="approval" role="group" aria-label=${`Approval of ${tool}`}>
    <p><strong>${tool}</strong> needs your approval${reason ? `: ${reason}` : '.'}</p>
    <dl>${Object.entries(given).map(
      ([name, value]) =>
        html`<dt>${name}</dt><dd>${typeof value === 'string' ? value : JSON.stringify(value)}</dd>`,
    )}</dl>
    <div class="form inline">
      <button type="button" class="primary" disabled=${busy} onClick=${() => act('approve')}>Approve</button>
      <button type="button" disabled=${busy} onClick=${() => act('deny')}>Deny</button>
    </div>
    <${Problem} error=${error} />
  </div>`
}

function Turn({ turn }) {
  if (turn.role === 'user')
    return html`<li class="said mine"><span class="hidden">You: </span>${turn.text}</li>`
  const cited = new Set([...turn.text.matchAll(/\[(\d+)\]/g)].map(([, number]) => Number(number)))
  const notes = turn.citations.filter(({ number }) => cited.has(number))
  return html`<li class="said" aria-busy=${turn.running === true}>
    <span class="hidden">${turn.agent}: </span>
    ${
      turn.calls.length === 0
        ? null
        : html`<ul class="calls">${turn.calls.map(
            ({ id, tool, state, summary }, index) =>
              html`<li key=${id ?? index} class=${state}><span aria-hidden="true">${SIGNS[state]}</span> <code>${tool}</code> <span class="hidden">${state}</span> ${summary}</li>`,
          )}</ul>`
    }
    ${turn.text === '' && turn.running === true ? html`<span class="soft">thinking…</span>` : html`<div class="words">${turn.text}</div>`}
    ${
      notes.length === 0
        ? null
        : html`<ol class="notes">${notes.map(
            ({ number, title, source, page }) =>
              html`<li value=${number} key=${number}>${title ?? source}${page === null ? '' : `, page ${page}`}${title === null ? null : html` <span class="soft">${source}</span>`}</li>`,
          )}</ol>`
    }
    ${(turn.approvals ?? []).map(
      ({ approval, tool, arguments: given, reason }) =>
        html`<${Approval} key=${approval} id=${approval} tool=${tool} given=${given} reason=${reason} />`,
    )}
    ${ENDINGS[turn.finish] ? html`<p class="foot">Ended before it was done: ${ENDINGS[turn.finish]}.</p>` : null}
    ${turn.error === null ? null : html`<p class="foot">${turn.error.message} <code>${turn.error.code}</code></p>`}
  </li>`
}

export function Chat({ agents }) {
  const [list, setList] = useState(null)
  const [id, setId] = useState(null)
  const [turns, setTurns] = useState([])
  const running = useRef(null)
  const end = useRef(null)
  const readList = async () => setList((await get('/api/v1/conversations')).conversations)
  const opening = useAction(async (wanted) => {
    running.current?.abort()
    setId(wanted)
    setTurns(wanted === null ? [] : (await get(at(wanted))).turns)
  })
  const listing = useAction(readList)
  useEffect(() => {
    listing.act()
    return () => running.current?.abort()
  }, [])
  useEffect(() => end.current?.scrollIntoView({ block: 'nearest' }), [turns])
  const change = (part) => setTurns((before) => [...before.slice(0, -1), part(before.at(-1))])
  const { busy, error, act } = useAction(async (text, agent) => {
    const abort = new AbortController()
    running.current = abort
    let conversation = id
    if (conversation === null) {
      conversation = (await send('POST', '/api/v1/conversations')).id
      setId(conversation)
    }
    setTurns((before) => [...before, { role: 'user', text }, emptyAnswer(agent)])
    try {
      const body = { text, agent, approvals: 'wait', stream: true }
      for await (const event of stream(`${at(conversation)}/ask`, body, abort.signal))
        change((answer) => withEvent(answer, event))
    } catch (thrown) {
      const problem = abort.signal.aborted ? { code: 'ABORTED', message: 'Cancelled.' } : thrown
      const { code, message } = problem
      change((answer) => ({ ...answer, running: false, approvals: [], error: { code, message } }))
    }
    await readList()
  })
  const submit = (event) => {
    event.preventDefault()
    const form = event.currentTarget
    const given = new FormData(form)
    const text = String(given.get('text')).trim()
    if (text === '') return
    form.elements.namedItem('text').value = ''
    act(text, String(given.get('agent')))
  }
  const onKey = (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
    event.preventDefault()
    event.currentTarget.form.requestSubmit()
  }
  const erase = async () => {
    await send('DELETE', at(id))
    await opening.act(null)
    await readList()
    return true
  }
  return html`<${Section} id="chat" title="Talk" aside=${html`<div class="form inline">
      <select aria-label="Conversation" value=${id ?? ''} disabled=${busy} onChange=${(event) => opening.act(event.currentTarget.value || null)}>
        <option value="">A new conversation</option>
        ${(list ?? []).map(
          (one) =>
            html`<option key=${one.id} value=${one.id}>${one.title || 'Nothing said yet'} · ${time(one.updatedAtMs)}</option>`,
        )}
      </select>
      ${
        id === null
          ? null
          : html`<${Confirm} label="Erase" question="Erase this conversation?" explain="Its bytes are overwritten; it cannot be brought back." verb="Erase it" action=${erase} />`
      }
    </div>`}>
    ${
      turns.length === 0
        ? html`<${Empty}>Ask for something: “Index /home/me/notes and tell me what they say about the roof.”<//>`
        : html`<ol class="turns" aria-live="polite">${turns.map((turn, index) => html`<${Turn} key=${index} turn=${turn} />`)}</ol>`
    }
    <span ref=${end}></span>
    <${Problem} error=${error ?? opening.error ?? listing.error} />
    <form class="form ask" onSubmit=${submit}>
      <label>Message<textarea name="text" rows="2" required onKeyDown=${onKey}></textarea></label>
      <div class="form inline">
        <label>Agent<select name="agent">${(agents ?? []).map(({ name }) => html`<option key=${name} value=${name}>${name}</option>`)}</select></label>
        ${
          busy
            ? html`<button type="button" onClick=${() => running.current?.abort()}>Cancel</button>`
            : html`<button type="submit" class="primary">Send</button>`
        }
      </div>
    </form>
  <//>`
}
