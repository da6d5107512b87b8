/** The form that submits a compress or evaluate job. */

import { useState } from '../../lib/hooks.js'
import { send } from '../../parts/connection.js'
import { html } from '../../parts/html.js'
import { Problem, useAction } from '../../parts/widgets.js'

const AUTO = 'auto'
/** Targets of `auto`: the parameter, what people call it, what is asked for when nothing is typed, and the step. */
const TARGETS = [
  ['ratio', 'times smaller', 8, 0.1],
  ['sizeBytes', 'bytes at most', 4_000_000, 1],
  ['quality', 'share of quality kept', 0.97, 0.001],
]

function TargetFields() {
  const [name, setName] = useState('ratio')
  const [, , initial, step] = TARGETS.find(([target]) => target === name)
  return html`<label>Target
      <select name="target" value=${name} onChange=${(event) => setName(event.currentTarget.value)}>
        ${TARGETS.map(([target, words]) => html`<option value=${target}>${words}</option>`)}
      </select>
    </label>
    <label>Value
      <input key=${name} name="amount" type="number" min="0" step=${step} defaultValue=${initial} required />
    </label>`
}

/** What is compressed already, and what is small by nature, stays as it is. */
const canCompress = ({ kind, report }) =>
  kind !== 'adapter' && kind !== 'packed' && report?.totals === undefined

function Compress({ models, catalog, act, busy }) {
  const offered = models.filter(canCompress)
  const [codec, setCodec] = useState('int4')
  const chosen = catalog.codecs.find((row) => row.name === codec)
  const submit = (event) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const bits = form.get('bits')
    const target = form.get('target')
    act({
      kind: 'compress',
      params: {
        model: String(form.get('model')),
        codec,
        params: bits === null ? {} : { bits: Number(bits) },
        ...(target === null ? {} : { target: { [String(target)]: Number(form.get('amount')) } }),
        ...(form.get('calibrate') === 'on' ? {} : { calibrate: 'none' }),
        ...(form.get('force') === 'on' ? { force: true } : {}),
      },
    })
  }
  if (offered.length === 0) return html`<p class="empty">No model here is left to be compressed.</p>`
  return html`<form class="form inline" onSubmit=${submit}>
    <label>Model
      <select name="model">${offered.map((model) => html`<option value=${model.id}>${model.id}</option>`)}</select>
    </label>
    <label>Codec
      <select value=${codec} onChange=${(event) => setCodec(event.currentTarget.value)}>
        ${catalog.codecs.map((row) => html`<option value=${row.name}>${row.name}: ${row.title}</option>`)}
        <option value=${AUTO}>auto: a codec for each tensor, to meet a target</option>
      </select>
    </label>
    ${codec === AUTO ? html`<${TargetFields} />` : null}
    ${
      (chosen?.bits ?? []).length > 0
        ? html`<label>Bits
            <select key=${codec} name="bits">
              ${chosen.bits.toReversed().map((bits) => html`<option value=${bits}>${bits}</option>`)}
            </select>
          </label>`
        : null
    }
    <label class="check"><input type="checkbox" name="calibrate" defaultChecked /> Calibrate where the model allows it</label>
    ${
      chosen?.needsForce
        ? html`<label class="check"><input type="checkbox" name="force" required /> I know that it loses much quality</label>`
        : null
    }
    <button type="submit" class="primary" disabled=${busy}>Compress</button>
  </form>`
}

/** Runs are of one suite, and a suite fits one kind of models: the suite decides which models are offered. */
function Evaluate({ models, catalog, act, busy }) {
  const fitting = (suite) => models.filter(({ kind }) => suite.kinds.includes(kind))
  const suites = catalog.suites.filter((suite) => fitting(suite).length > 0)
  const [name, setName] = useState(suites[0]?.name ?? '')
  // The last model of a kind may have been removed since the suite was chosen.
  const suite = suites.find((row) => row.name === name) ?? suites[0]
  // Null until somebody has chosen.
  const [ticked, setTicked] = useState(null)
  if (suite === undefined)
    return html`<p class="empty">None of the models here can be evaluated without data of yours: <code>village evaluate --help</code> says more.</p>`
  const offered = fitting(suite)
  const chosen =
    ticked === null ? [offered[0].id] : ticked.filter((id) => offered.some((model) => model.id === id))
  const choose = (event) => {
    setName(event.currentTarget.value)
    setTicked(null)
  }
  const tick = (id) => (event) =>
    setTicked(event.currentTarget.checked ? [...chosen, id] : chosen.filter((other) => other !== id))
  const submit = (event) => {
    event.preventDefault()
    act({ kind: 'evaluate', params: { models: chosen, suite: suite.name } })
  }
  return html`<form class="form" onSubmit=${submit}>
    <label>Suite
      <select name="suite" value=${suite.name} onChange=${choose}>
        ${suites.map((row) => html`<option value=${row.name}>${row.name}: ${row.title}</option>`)}
      </select>
    </label>
    <fieldset>
      <legend>Models${chosen.length > 1 ? html`; the others are compared with <b>${chosen[0]}</b>` : ', one or several'}</legend>
      ${offered.map((model) => html`<label class="check" key=${model.id}><input type="checkbox" name="model" checked=${chosen.includes(model.id)} onChange=${tick(model.id)} /> ${model.id}</label>`)}
    </fieldset>
    <button type="submit" class="primary" disabled=${busy || chosen.length === 0}>Evaluate</button>
    <p class="foot">Suites over data of yours: <code>village evaluate MODEL --suite NAME --data FILE</code></p>
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
