/** Talking with an agent: what it says as it comes, what it does, and what it asks for. */

import { useEffect, useRef, useState } from '../../lib/hooks.js'
import { get, send, stream } from '../../parts/connection.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { goTo } from '../../parts/place.js'
import { Empty, Problem, Section, useAction } from '../../parts/widgets.js'
import { Conversations } from './conversations.js'
import { Speakers, spokenTo } from './speakers.js'
import { Turn } from './turn.js'
import { emptyAnswer, withEvent } from './turn-events.js'

const at = (id) => `/api/v1/conversations/${encodeURIComponent(id)}`
const EXAMPLES = [
  'What do my notes say about the roof?',
  'Index /home/me/notes',
  'Who is in the village?',
  'What is 17% of 2,480?',
]

/** `wanted`: the id of a conversation; empty: a new one; undefined: the one that is there. */
export function Chat({ state, wanted, isShown }) {
  const [id, setId] = useState(null)
  const [title, setTitle] = useState('')
  const [turns, setTurns] = useState([])
  const list = useLive('/api/v1/conversations', ['agent:request'])
  const running = useRef(null)
  const box = useRef(null)
  const end = useRef(null)
  const show = (conversation) => {
    setTitle(conversation.title)
    setTurns(conversation.turns)
  }
  const opening = useAction(async (id_) => {
    running.current?.abort()
    running.current = null
    setId(id_)
    setTitle('')
    setTurns([])
    if (id_ !== null) show(await get(at(id_)))
  })
  useEffect(() => {
    // An address that names none leaves what is there; one that was just begun gets its address while it is answered.
    const open = wanted === '' ? null : wanted
    if (isShown && open !== undefined && open !== id) opening.act(open)
  }, [wanted, isShown])
  useEffect(() => () => running.current?.abort(), [])
  useEffect(() => {
    if (turns.length > 0) end.current?.scrollIntoView({ block: 'nearest' })
  }, [turns])
  const change = (part) => setTurns((before) => [...before.slice(0, -1), part(before.at(-1))])
  const { busy, error, act } = useAction(async (text, given) => {
    const abort = new AbortController()
    running.current = abort
    // Another conversation may be opened meanwhile: what comes then is none of its own.
    const isHere = () => running.current === abort
    let conversation = id
    if (conversation === null) {
      conversation = (await send('POST', '/api/v1/conversations')).id
      setId(conversation)
      if (isShown) goTo('agents', 'talk', conversation)
    }
    setTurns((before) => [...before, { role: 'user', text }, emptyAnswer(given.agent)])
    try {
      const body = { text, ...given, approvals: 'wait', stream: true }
      for await (const event of stream(`${at(conversation)}/ask`, body, abort.signal))
        if (isHere()) change((answer) => withEvent(answer, event))
      // As it was kept: with where its citations open.
      const kept = await get(at(conversation), { signal: abort.signal })
      if (isHere()) show(kept)
    } catch (thrown) {
      const problem = abort.signal.aborted ? { code: 'ABORTED', message: 'Cancelled.' } : thrown
      const { code, message } = problem
      if (isHere())
        change((answer) => ({ ...answer, running: false, approvals: [], error: { code, message } }))
    }
    list.reload()
  })
  const submit = (event) => {
    event.preventDefault()
    const form = event.currentTarget
    const text = box.current.value.trim()
    if (text === '') return
    box.current.value = ''
    act(text, spokenTo(new FormData(form)))
  }
  const onKey = (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
    event.preventDefault()
    event.currentTarget.form.requestSubmit()
  }
  const onErased = (erased) => {
    list.reload()
    if (erased === id) goTo('agents', 'talk')
  }
  return html`<div class="columns">
    <div class="column"><${Section} id="chat" title=${title === '' ? 'Talk' : title}>
      ${
        turns.length === 0
          ? html`<${Empty}>Ask for something, or begin with one of these:<//>
              <ul class="examples">${EXAMPLES.map(
                (text) =>
                  html`<li><button type="button" onClick=${() => {
                    box.current.value = text
                    box.current.focus()
                  }}>${text}</button></li>`,
              )}</ul>`
          : html`<ol class="turns" aria-live="polite">${turns.map((turn, index) => html`<${Turn} key=${index} turn=${turn} />`)}</ol>`
      }
      <span ref=${end}></span>
      <${Problem} error=${error ?? opening.error} />
      <form class="form ask" onSubmit=${submit}>
        <label>Message<textarea ref=${box} name="text" rows="2" required onKeyDown=${onKey} placeholder="Enter sends, Shift and Enter begin a new line"></textarea></label>
        <${Speakers} state=${state} />
        <div class="actions start">${
          busy
            ? html`<button type="button" onClick=${() => running.current?.abort()}>Cancel</button>`
            : html`<button type="submit" class="primary">Send</button>`
        }</div>
      </form>
    <//></div>
    <div class="column"><${Conversations} list=${list} open=${id} onChanged=${() => {
      list.reload()
      if (id !== null && !busy) opening.act(id)
    }} onErased=${onErased} /></div>
  </div>`
}
