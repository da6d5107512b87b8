/** Talking with an agent: what it says as it comes, what it does, and what it asks for. */

import { useEffect, useRef, useState } from '../../lib/hooks.js'
import { ApiError, get, send, stream } from '../../parts/connection.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { goTo } from '../../parts/place.js'
import { Empty, Problem, Section, useAction } from '../../parts/widgets.js'
import { Conversations } from './conversations.js'
import { Speakers, spokenTo } from './speakers.js'
import { Turn } from './turn.js'
import { answerSoFar, emptyAnswer, withEvent } from './turn-events.js'

const at = (id) => `/api/v1/conversations/${encodeURIComponent(id)}`
/** The message was not taken. */
const NOT_TAKEN = ['CONVERSATION_BUSY', 'CONVERSATION_FULL']
const FOLLOW_EVERY_MS = 1_000
const EXAMPLES = [
  'What do my notes say about the roof?',
  'Index /home/me/notes',
  'Who is in the village?',
  'What is 17% of 2,480?',
]

/** `wanted`: the id of a conversation; empty: a new one; undefined: the one that is there. `waiting`: what waits for approval. */
export function Chat({ state, wanted, waiting, isShown }) {
  const [id, setId] = useState(null)
  const [title, setTitle] = useState('')
  const [turns, setTurns] = useState([])
  // The answer that the node makes in this conversation although this window has no stream of it.
  const [answering, setAnswering] = useState(null)
  const [openError, setOpenError] = useState(null)
  const list = useLive('/api/v1/conversations', ['agent:request'])
  const followed = useLive(answering === null ? null : at(id), ['agent:request', 'agent:approval'], {
    everyMs: FOLLOW_EVERY_MS,
  })
  const running = useRef(null)
  const box = useRef(null)
  const end = useRef(null)
  const show = (conversation) => {
    setTitle(conversation.title)
    setTurns(conversation.turns)
    setAnswering(conversation.answering)
  }
  const open = async (id_) => {
    // The node finishes an answer that nobody follows; of what is opened quickly one after another, the last is shown.
    running.current?.abort()
    const reading = new AbortController()
    running.current = reading
    setId(id_)
    setTitle('')
    setTurns([])
    setAnswering(null)
    setOpenError(null)
    if (id_ === null) return
    try {
      const kept = await get(at(id_), { signal: reading.signal })
      if (running.current === reading) show(kept)
    } catch (thrown) {
      if (running.current === reading) setOpenError(thrown)
    }
  }
  useEffect(() => {
    if (answering !== null && followed.data?.id === id) show(followed.data)
  }, [followed.data])
  useEffect(() => {
    // An address that names none leaves what is there; one that was just begun gets its address while it is answered.
    const next = wanted === '' ? null : wanted
    if (isShown && next !== undefined && next !== id) open(next)
  }, [wanted, isShown])
  useEffect(() => () => running.current?.abort(), [])
  useEffect(() => {
    if (turns.length > 0) end.current?.scrollIntoView({ block: 'nearest' })
  }, [turns])
  const change = (part) => setTurns((before) => [...before.slice(0, -1), part(before.at(-1))])
  /** What did not come to its end here: refused, cancelled, or the node makes it without this window. */
  const failed = async (thrown, conversation, text, signal) => {
    if (NOT_TAKEN.includes(thrown.code)) {
      box.current.value ||= text
      show(await get(at(conversation)))
      throw thrown
    }
    if (!signal.aborted && !(thrown instanceof ApiError)) {
      const kept = await get(at(conversation), { signal }).catch(() => null)
      if (kept !== null) return show(kept)
    }
    const isCancelled = signal.aborted || thrown.code === 'ABORTED'
    const { code, message } = isCancelled ? { code: 'ABORTED', message: 'Cancelled.' } : thrown
    change((answer) => ({ ...answer, running: false, approvals: [], error: { code, message } }))
  }
  const asking = useAction(async (text, given) => {
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
      const body = { text, ...given, approvals: 'wait', whenLeft: 'finish', stream: true }
      for await (const event of stream(`${at(conversation)}/ask`, body, abort.signal))
        if (isHere()) change((answer) => withEvent(answer, event))
      // As it was kept: with where its citations open.
      const kept = await get(at(conversation), { signal: abort.signal })
      if (isHere()) show(kept)
    } catch (thrown) {
      if (isHere()) await failed(thrown, conversation, text, abort.signal)
    }
    list.reload()
  })
  const cancelling = useAction(async () => {
    // Who closes the stream alone only looks away.
    if (asking.busy) running.current?.abort()
    if (id !== null) await send('POST', `${at(id)}/cancel`)
  })
  const busy = asking.busy || cancelling.busy || answering !== null
  const shown = answering === null ? turns : [...turns, answerSoFar(answering, waiting)]
  const submit = (event) => {
    event.preventDefault()
    const form = event.currentTarget
    const text = box.current.value.trim()
    // Words that are sent while an answer is made would be refused: they stay in the box.
    if (text === '' || busy) return
    box.current.value = ''
    asking.act(text, spokenTo(new FormData(form)))
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
        shown.length === 0
          ? html`<${Empty}>Ask for something, or begin with one of these:<//>
              <ul class="examples">${EXAMPLES.map(
                (text) =>
                  html`<li><button type="button" onClick=${() => {
                    box.current.value = text
                    box.current.focus()
                  }}>${text}</button></li>`,
              )}</ul>`
          : html`<ol class="turns" aria-live="polite">${shown.map((turn, index) => html`<${Turn} key=${index} turn=${turn} />`)}</ol>`
      }
      ${
        !busy && turns.at(-1)?.role === 'user'
          ? html`<p class="foot">The node stopped before it had answered. Ask again.</p>`
          : null
      }
      <span ref=${end}></span>
      <${Problem} error=${asking.error ?? cancelling.error ?? openError} />
      <form class="form ask" onSubmit=${submit}>
        <label>Message<textarea ref=${box} name="text" rows="2" required onKeyDown=${onKey} placeholder="Enter sends, Shift and Enter begin a new line"></textarea></label>
        <${Speakers} state=${state} />
        <div class="actions start">${
          busy
            ? html`<button type="button" disabled=${cancelling.busy} onClick=${() => cancelling.act()}>Cancel</button>`
            : html`<button type="submit" class="primary">Send</button>`
        }</div>
      </form>
    <//></div>
    <div class="column"><${Conversations} list=${list} open=${id} onChanged=${() => {
      list.reload()
      if (id !== null && !busy) open(id)
    }} onErased=${onErased} /></div>
  </div>`
}
