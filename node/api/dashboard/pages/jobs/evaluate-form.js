/** The form of an evaluation. A job is of one suite, and a suite fits one kind of models: the suite decides which models are offered. */
import { useState } from '../../lib/hooks.js'
import { send } from '../../parts/connection.js'
import { html } from '../../parts/html.js'
import { placeOf } from '../../parts/place.js'
import { Problem, useAction } from '../../parts/widgets.js'
import { OPTIONS, optionsOf, suitesOf } from './suites.js'

/** The files as artifacts of the daemon, by the names that the job has for them. */
async function storeFiles(suite, form) {
  const stored = {}
  for (const { name } of suite.files) {
    const file = form.get(name)
    // A field that nobody has filled in gives a file without a name.
    if (!(file instanceof File) || file.name === '') continue
    const query = new URLSearchParams({ name: file.name, pin: 'user' })
    stored[name] = (await send('POST', `/api/v1/artifacts?${query}`, file)).cid
  }
  return stored
}

const Files = ({ files }) =>
  html`<div class="form-grid">${files.map(
    ({ name, about, optional = false }) =>
      html`<label key=${name}>${about}${optional ? ' (optional)' : ''}<input type="file" name=${name} required=${!optional} /></label>`,
  )}</div>`

const Options = ({ names }) =>
  html`<div class="form-grid">${names.map((name) => {
    const [label, field] = OPTIONS[name]
    return html`<label key=${name}>${label}<input name=${name} type="number" ...${field} /></label>`
  })}</div>`

export function EvaluateForm({ models, catalog, model, act, busy }) {
  const fitting = (suite) => models.filter(({ kind }) => suite.kinds.includes(kind))
  const suites = suitesOf(catalog).filter((suite) => fitting(suite).length > 0)
  const isAsked = (suite) => fitting(suite).some(({ id }) => id === model)
  const [name, setName] = useState((suites.find(isAsked) ?? suites[0])?.name ?? '')
  // The last model of a kind may have been removed since the suite was chosen.
  const suite = suites.find((row) => row.name === name) ?? suites[0]
  // Null until somebody has chosen.
  const [ticked, setTicked] = useState(null)
  const upload = useAction((form) => storeFiles(suite, form))
  if (suite === undefined)
    return html`<p class="empty">None of the models here can be evaluated: there is neither an encoder nor a language model among them.</p>`
  const offered = fitting(suite)
  const asked = offered.some(({ id }) => id === model) ? model : offered[0].id
  const chosen = ticked === null ? [asked] : ticked.filter((id) => offered.some((one) => one.id === id))
  const choose = (event) => {
    setName(event.currentTarget.value)
    setTicked(null)
  }
  const tick = (id) => (event) =>
    setTicked(event.currentTarget.checked ? [...chosen, id] : chosen.filter((other) => other !== id))
  const submit = async (event) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const files = await upload.act(form)
    if (files === undefined) return undefined
    const options = optionsOf(suite, form)
    const params = {
      ...{ models: chosen, suite: suite.name },
      ...(Object.keys(files).length === 0 ? {} : { files }),
      ...(Object.keys(options).length === 0 ? {} : { options }),
    }
    return act([{ kind: 'evaluate', params }])
  }
  return html`<form class="form" onSubmit=${submit}>
    <label>Suite
      <select name="suite" value=${suite.name} onChange=${choose}>
        ${suites.map((row) => html`<option value=${row.name}>${row.name}: ${row.title}</option>`)}
      </select></label>
    ${suite.files.length === 0 ? null : html`<${Files} key=${suite.name} files=${suite.files} />`}
    <fieldset>
      <legend>Models${chosen.length > 1 ? html`; the others are compared with <b>${chosen[0]}</b>` : ', one or several'}</legend>
      ${offered.map(({ id }) => html`<label class="check" key=${id}><input type="checkbox" name="model" checked=${chosen.includes(id)} onChange=${tick(id)} /> ${id}</label>`)}
    </fieldset>
    ${suite.options.length === 0 ? null : html`<details class="why"><summary>Choices</summary><${Options} key=${suite.name} names=${suite.options} /></details>`}
    <button type="submit" class="primary" disabled=${busy || upload.busy || chosen.length === 0}>${upload.busy ? 'Storing the files…' : 'Evaluate'}</button>
    <${Problem} error=${upload.error} />
    ${suite.kinds.includes('encoder') ? html`<p class="foot">How good the search of a collection is on judged queries, words and vectors together, is measured on its page under <a href=${placeOf('knowledge')}>Knowledge</a>.</p>` : null}
  </form>`
}
