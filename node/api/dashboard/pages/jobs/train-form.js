/** The form of a training. The texts are files of the daemon's machine: they are read there and go nowhere. */
import { useState } from '../../lib/hooks.js'
import { html } from '../../parts/html.js'

const NUMBERS = [
  ['epochs', 'Times through the texts', { min: 0.01, step: 0.01, placeholder: '1' }],
  ['steps', 'or steps', { min: 1, step: 1, placeholder: 'as the texts give' }],
  ['batch', 'Rows a step', { min: 1, step: 1, placeholder: '8' }],
  ['length', 'Tokens a row', { min: 8, step: 1, placeholder: '256' }],
  ['learningRate', 'Learning rate', { min: 0, step: 'any', placeholder: 'by method' }],
  ['heldOut', 'Share held out', { min: 0, max: 0.9, step: 0.01, placeholder: '0.05' }],
  ['earlyStop', 'Stop after so many looks without a gain', { min: 1, step: 1, placeholder: 'never' }],
  ['seed', 'Seed', { min: 0, step: 1, placeholder: '0' }],
]

export function TrainForm({ models, model, act, busy }) {
  const offered = models.filter(({ kind, report }) => kind === 'language' && report?.totals === undefined)
  const [method, setMethod] = useState('lora')
  if (offered.length === 0)
    return html`<p class="empty">There is no language model to train. <a href="#models/~add">Add one</a>: village-lm is small and comes with the daemon.</p>`
  const submit = (event) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const given = NUMBERS.map(([name]) => [name, String(form.get(name) ?? '').trim()]).filter(
      ([, value]) => value !== '',
    )
    const id = String(form.get('id')).trim()
    const data = String(form.get('data'))
      .split('\n')
      .map((line) => line.trim())
      .filter(Boolean)
    const rank = String(form.get('rank') ?? '').trim()
    act([
      {
        kind: 'train',
        params: {
          ...{ model: String(form.get('model')), data, method },
          ...Object.fromEntries(given.map(([name, value]) => [name, Number(value)])),
          ...(rank === '' ? {} : { rank: Number(rank) }),
          ...(id === '' ? {} : { id }),
          ...(form.get('adapter') === 'on' ? { adapter: true } : {}),
          ...(form.get('geometry') === 'on' ? { geometry: true } : {}),
        },
      },
    ])
  }
  return html`<form class="form" onSubmit=${submit}>
    <label>Model
      <select name="model">${offered.map(({ id }) => html`<option value=${id} selected=${id === model}>${id}</option>`)}</select></label>
    <label>Texts: paths on the daemon’s machine, one a line (.txt, .md, .jsonl)
      <textarea name="data" rows="3" required placeholder="/home/me/notes.txt"></textarea></label>
    <div class="tabs" role="group" aria-label="What is trained">
      <button type="button" aria-pressed=${method === 'lora'} onClick=${() => setMethod('lora')}>An adapter (LoRA)</button>
      <button type="button" aria-pressed=${method === 'full'} onClick=${() => setMethod('full')}>All weights</button>
    </div>
    <div class="form-grid">
      ${
        method === 'lora'
          ? html`<label>Rank<input name="rank" type="number" min="1" max="512" placeholder="8" /></label>`
          : null
      }
      ${NUMBERS.map(([name, label, props]) => html`<label key=${name}>${label}<input name=${name} type="number" ...${props} /></label>`)}
      <label>Id of the result<input name="id" autocomplete="off" pattern="[a-z0-9][a-z0-9._\\-]*" placeholder="MODEL-trained" /></label>
    </div>
    ${
      method === 'lora'
        ? html`<label class="check"><input type="checkbox" name="adapter" /> Publish the adapter alone, not a model with it in its weights</label>`
        : null
    }
    <label class="check"><input type="checkbox" name="geometry" /> Measure the geometry of the hidden states on the way</label>
    <button type="submit" class="primary" disabled=${busy}>Train</button>
  </form>`
}
