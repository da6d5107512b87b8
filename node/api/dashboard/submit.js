/** The form that submits a compress or evaluate job. */
import { send } from './connection.js'
import { html } from './html.js'
import { useState } from './lib/hooks.js'
import { Problem, useAction } from './widgets.js'

function Compress({ models, catalog, act, busy }) {
  const [codec, setCodec] = useState('int4')
  const chosen = catalog.codecs.find((row) => row.name === codec)
  const submit = (event) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const bits = form.get('bits')
    act({
      kind: 'compress',
      params: {
        model: String(form.get('model')),
        codec,
        params: bits === null ? {} : { bits: Number(bits) },
        ...(form.get('force') === 'on' ? { force: true } : {}),
      },
    })
  }
  return html`<form class="form inline" onSubmit=${submit}>
    <label>Model
      <select name="model">${models.map((model) => html`<option value=${model.id}>${model.id}</option>`)}</select>
    </label>
    <label>Codec
      <select value=${codec} onChange=${(event) => setCodec(event.currentTarget.value)}>
        ${catalog.codecs.map((row) => html`<option value=${row.name}>${row.name}: ${row.title}</option>`)}
      </select>
    </label>
    ${
      codec === 'seedlm'
        ? html`<label>Bits<select name="bits"><option value="4">4</option><option value="3">3</option></select></label>`
        : null
    }
    ${
      chosen?.needsForce
        ? html`<label class="check"><input type="checkbox" name="force" required /> I know that it loses much quality</label>`
        : null
    }
    <button type="submit" class="primary" disabled=${busy}>Compress</button>
  </form>`
}

function Evaluate({ models, catalog, act, busy }) {
  const submit = (event) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    act({
      kind: 'evaluate',
      params: { models: form.getAll('model').map(String), suite: String(form.get('suite')) },
    })
  }
  return html`<form class="form inline" onSubmit=${submit}>
    <fieldset>
      <legend>Models; the first ticked is what the others are compared with</legend>
      ${models.map((model) => html`<label class="check"><input type="checkbox" name="model" value=${model.id} defaultChecked /> ${model.id}</label>`)}
    </fieldset>
    <label>Suite
      <select name="suite">${catalog.suites.map((suite) => html`<option value=${suite.name}>${suite.name}</option>`)}</select>
    </label>
    <button type="submit" class="primary" disabled=${busy}>Evaluate</button>
  </form>`
}

export function Submit({ models, catalog }) {
  const [kind, setKind] = useState('compress')
  const { busy, error, act } = useAction((body) => send('POST', '/api/v1/jobs', body))
  const Form = kind === 'compress' ? Compress : Evaluate
  return html`<details class="submit">
    <summary>New job</summary>
    <div class="tabs" role="group" aria-label="Kind of job">
      ${['compress', 'evaluate'].map(
        (name) =>
          html`<button type="button" aria-pressed=${name === kind} onClick=${() => setKind(name)}>${name}</button>`,
      )}
    </div>
    <${Form} models=${models} catalog=${catalog} act=${act} busy=${busy} />
    <${Problem} error=${error} />
  </details>`
}
