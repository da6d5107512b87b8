/** The form of compressions: one or several codecs at once, so that they can be compared, or a target for `auto`. */
import { useState } from '../../lib/hooks.js'
import { html } from '../../parts/html.js'
import { TARGETS, targetOf } from './targets.js'

const AUTO = 'auto'

/** What is compressed already, and what is small by nature, stays as it is. */
export const canCompress = ({ kind, report }) =>
  kind !== 'adapter' && kind !== 'packed' && report?.totals === undefined

/** A codec, and its bits where there is a choice: what can be ticked. */
export const variantsOf = (catalog) =>
  catalog.codecs.flatMap((codec) =>
    codec.bits.length === 0
      ? [{ key: codec.name, label: codec.name, codec, params: {} }]
      : codec.bits.toReversed().map((bits) => ({
          key: `${codec.name} ${bits}`,
          label: `${codec.name}, ${bits} bits`,
          codec,
          params: { bits },
        })),
  )

function Variants({ catalog, ticked, tick }) {
  return html`<div class="variants">
    ${catalog.codecs.map(
      (codec) => html`<fieldset key=${codec.name}>
        <legend>${codec.title}${codec.experimental ? ' (experimental)' : ''}${codec.needsForce ? ' (loses much quality in ordinary models)' : ''}</legend>
        ${variantsOf({ codecs: [codec] }).map(
          ({ key, label }) =>
            html`<label class="check"><input type="checkbox" name="variant" value=${key} checked=${ticked.includes(key)} onChange=${tick(key)} /> ${label}</label>`,
        )}
      </fieldset>`,
    )}
  </div>`
}

function Target() {
  const [name, setName] = useState('ratio')
  const [, , field] = TARGETS.find(([target]) => target === name)
  return html`<div class="form inline">
    <label>Target
      <select name="target" value=${name} onChange=${(event) => setName(event.currentTarget.value)}>
        ${TARGETS.map(([target, words]) => html`<option value=${target}>${words}</option>`)}
      </select></label>
    <label>Value<input key=${name} name="amount" autocomplete="off" required ...${field} /></label>
  </div>`
}

/** `act` is given the bodies of all jobs that were asked for. */
export function CompressForm({ models, catalog, model, act, busy }) {
  const offered = models.filter(canCompress)
  const [way, setWay] = useState('codecs')
  const [ticked, setTicked] = useState(['int4'])
  const tick = (key) => (event) =>
    setTicked(event.currentTarget.checked ? [...ticked, key] : ticked.filter((one) => one !== key))
  const chosen = variantsOf(catalog).filter(({ key }) => ticked.includes(key))
  const lossy =
    way === 'codecs'
      ? [...new Set(chosen.filter(({ codec }) => codec.needsForce).map(({ codec }) => codec.name))]
      : []
  const submit = (event) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const keep = Number(form.get('keep')) / 100
    const shared = {
      model: String(form.get('model')),
      keep,
      ...(form.get('calibrate') === 'on' ? {} : { calibrate: 'none' }),
      ...(form.get('dense') === 'on' ? { runtime: 'dense' } : {}),
    }
    const bodies =
      way === AUTO
        ? [
            {
              ...shared,
              codec: AUTO,
              target: targetOf(String(form.get('target')), String(form.get('amount'))),
            },
          ]
        : chosen.map(({ codec, params }) => ({
            ...{ ...shared, codec: codec.name, params },
            ...(codec.needsForce ? { force: true } : {}),
          }))
    act(bodies.map((params) => ({ kind: 'compress', params })))
  }
  if (offered.length === 0) return html`<p class="empty">No model here is left to be compressed.</p>`
  const jobs = way === AUTO ? 1 : chosen.length
  return html`<form class="form" onSubmit=${submit}>
    <label>Model
      <select name="model" key=${model}>
        ${offered.map(({ id }) => html`<option value=${id} selected=${id === model}>${id}</option>`)}
      </select></label>
    <div class="tabs" role="group" aria-label="How the codec is chosen">
      <button type="button" aria-pressed=${way === 'codecs'} onClick=${() => setWay('codecs')}>By codec</button>
      <button type="button" aria-pressed=${way === AUTO} onClick=${() => setWay(AUTO)}>To a target</button>
    </div>
    ${
      way === AUTO
        ? html`<${Target} /><p class="foot">Each tensor gets the codec that serves the target at the least measured loss.</p>`
        : html`<${Variants} catalog=${catalog} ticked=${ticked} tick=${tick} />
          <p class="foot">Tick several to compare them: each becomes a job and a model of its own.</p>`
    }
    <label>Publish only what keeps at least this share of the quality, in %
      <input name="keep" type="number" min="0" max="100" step="0.1" defaultValue="95" required /></label>
    <label class="check"><input type="checkbox" name="calibrate" defaultChecked /> Calibrate where the model allows it</label>
    <label class="check"><input type="checkbox" name="dense" /> Run as 32-bit floats where a codec has no operator of its own (larger, exact)</label>
    ${
      lossy.length > 0
        ? html`<label class="check"><input type="checkbox" name="force" required /> Publish ${lossy.join(' and ')} whatever is kept: ${lossy.length === 1 ? 'it loses' : 'they lose'} much quality in ordinary models</label>`
        : null
    }
    <button type="submit" class="primary" disabled=${busy || jobs === 0}>${busy ? 'Starting…' : jobs > 1 ? `Compress in ${jobs} ways` : 'Compress'}</button>
  </form>`
}
