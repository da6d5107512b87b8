/** A box in which a language model continues a text, as it makes it. */

import { useEffect, useRef, useState } from '../../lib/hooks.js'
import { stream } from '../../parts/connection.js'
import { count } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { Problem, useAction } from '../../parts/widgets.js'

const MAX_TOKENS = 256
const ENDINGS = {
  length: 'the limit of tokens',
  context: 'the end of what the model can see',
  eos: 'the model itself',
  stop: 'a stop text',
  complete: 'the end of its form',
}

export function Generate({ id }) {
  const [text, setText] = useState('')
  const [cost, setCost] = useState(null)
  const running = useRef(null)
  useEffect(() => () => running.current?.abort(), [])
  const { busy, error, act } = useAction(async (body) => {
    const abort = new AbortController()
    running.current = abort
    setText('')
    setCost(null)
    try {
      const path = `/api/v1/models/${encodeURIComponent(id)}/generate`
      for await (const { type, data } of stream(path, { ...body, stream: true }, abort.signal)) {
        if (type === 'token') setText((before) => before + data.text)
        // What is held back for a stop text or the rest of a character comes with the whole.
        else if (type === 'done') {
          setText(data.text)
          setCost(data)
        }
      }
    } catch (thrown) {
      // Stopped by the user: what was made so far stays.
      if (!abort.signal.aborted) throw thrown
    }
  })
  const submit = (event) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const prompt = String(form.get('prompt'))
    const asked = form.get('chat') === 'on' ? { messages: [{ role: 'user', content: prompt }] } : { prompt }
    act({ ...asked, maxTokens: Number(form.get('maxTokens')), temperature: Number(form.get('temperature')) })
  }
  return html`<details>
    <summary>Generate</summary>
    <form class="form" onSubmit=${submit}>
      <label>Text<textarea name="prompt" rows="3" required></textarea></label>
      <div class="form inline">
        <label>Tokens at most<input name="maxTokens" type="number" min="1" max="4096" defaultValue=${MAX_TOKENS} required /></label>
        <label>Temperature<input name="temperature" type="number" min="0" max="2" step="0.1" defaultValue="0" required /></label>
        <label class="check"><input type="checkbox" name="chat" /> It is a message: use the chat template</label>
        ${
          busy
            ? html`<button type="button" onClick=${() => running.current?.abort()}>Stop</button>`
            : html`<button type="submit" class="primary">Generate</button>`
        }
      </div>
    </form>
    <${Problem} error=${error} />
    ${text === '' ? null : html`<pre class="generated" aria-label=${`Text of ${id}`} aria-live="polite" aria-busy=${busy}>${text}</pre>`}
    ${cost === null ? null : html`<p class="foot">${count(cost.usage.promptTokens)} + ${count(cost.usage.completionTokens)} tokens, ended by ${ENDINGS[cost.finish] ?? cost.finish}${cost.usage.ms > 0 ? `, ${Math.round((cost.usage.completionTokens / cost.usage.ms) * 1000)} tokens a second` : ''}</p>`}
  </details>`
}
