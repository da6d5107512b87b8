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
/** Settings that are sent only where something is typed. */
const SETTINGS = [
  ['topP', 'Top p', { min: 0, max: 1, step: 0.01, placeholder: '1' }],
  ['topK', 'Top k', { min: 0, step: 1, placeholder: 'all' }],
  ['minP', 'Min p', { min: 0, max: 1, step: 0.01, placeholder: '0' }],
  ['repetitionPenalty', 'Repetition penalty', { min: 0.01, max: 100, step: 0.01, placeholder: '1' }],
  ['seed', 'Seed', { min: 0, step: 1, placeholder: 'drawn' }],
]

export function Generate({ id, models = [] }) {
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
  const own = models.find((model) => model.id === id)
  const adapters = models.filter(({ kind, base }) => kind === 'adapter' && base !== null && base === own?.cid)
  const submit = (event) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const given = (name) => String(form.get(name) ?? '').trim()
    const prompt = String(form.get('prompt'))
    const asked = form.get('chat') === 'on' ? { messages: [{ role: 'user', content: prompt }] } : { prompt }
    const settings = SETTINGS.map(([name]) => [name, given(name)]).filter(([, value]) => value !== '')
    act({
      ...asked,
      ...{ maxTokens: Number(form.get('maxTokens')), temperature: Number(form.get('temperature')) },
      ...Object.fromEntries(settings.map(([name, value]) => [name, Number(value)])),
      ...(given('stop') === '' ? {} : { stop: [String(form.get('stop'))] }),
      ...(given('adapter') === '' ? {} : { adapter: given('adapter') }),
    })
  }
  const rate =
    cost !== null && cost.usage.ms > 0
      ? `, ${Math.round((cost.usage.completionTokens / cost.usage.ms) * 1000)} tokens a second`
      : ''
  return html`<form class="form" onSubmit=${submit}>
      <label>Text<textarea name="prompt" rows="4" required></textarea></label>
      <div class="form-grid">
        <label>Tokens at most<input name="maxTokens" type="number" min="1" max="4096" defaultValue=${MAX_TOKENS} required /></label>
        <label>Temperature<input name="temperature" type="number" min="0" max="2" step="0.1" defaultValue="0" required /></label>
        ${adapters.length === 0 ? null : html`<label>Adapter<select name="adapter"><option value="">none</option>${adapters.map((model) => html`<option value=${model.id}>${model.id}</option>`)}</select></label>`}
      </div>
      <details><summary>More settings</summary>
        <div class="form-grid">
          ${SETTINGS.map(([name, label, props]) => html`<label key=${name}>${label}<input name=${name} type="number" ...${props} /></label>`)}
          <label>Stop text<input name="stop" autocomplete="off" /></label>
        </div></details>
      <label class="check"><input type="checkbox" name="chat" /> It is a message: use the chat template</label>
      ${
        busy
          ? html`<button type="button" class="danger" onClick=${() => running.current?.abort()}>Stop</button>`
          : html`<button type="submit" class="primary">Generate</button>`
      }
    </form>
    <${Problem} error=${error} />
    ${text === '' ? null : html`<pre class="generated" aria-label=${`Text of ${id}`} aria-live="polite" aria-busy=${busy} tabindex="0">${text}</pre>`}
    ${cost === null ? null : html`<p class="foot">${count(cost.usage.promptTokens)} + ${count(cost.usage.completionTokens)} tokens, ended by ${ENDINGS[cost.finish] ?? cost.finish}${rate}</p>`}`
}
