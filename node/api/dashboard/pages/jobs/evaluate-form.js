/** The form of an evaluation. A job is of one suite, and a suite fits one kind of models: the suite decides which models are offered. */
import { useRef, useState } from '../../lib/hooks.js'
import { send } from '../../parts/connection.js'
import { html } from '../../parts/html.js'
import { Problem, useAction } from '../../parts/widgets.js'

/** Suites over data of one's own: what they need, and which kinds of models they fit. */
const WITH_DATA = [
  ['perplexity', 'Perplexity of a text', 'language', 'A text, or JSON lines with `text`'],
  ['custom', 'Items of your own', 'language', 'JSON lines: choices, texts to complete, texts'],
  ['mmlu', 'MMLU: questions with four choices', 'language', 'JSON lines: subject, question, choices, answer'],
  ['gsm8k', 'GSM8K: word problems', 'language', 'JSON lines: question, answer'],
  ['humaneval', 'HumanEval: programs, run in the sandbox', 'language', 'HumanEval.jsonl or .jsonl.gz'],
]

const suitesOf = (catalog) => [
  ...catalog.suites.map(({ name, title, kinds }) => ({ name, title, kinds, data: null })),
  ...WITH_DATA.filter(([name]) => !catalog.suites.some((suite) => suite.name === name)).map(
    ([name, title, kind, data]) => ({ name, title, kinds: [kind], data }),
  ),
]

export function EvaluateForm({ models, catalog, model, act, busy }) {
  const fitting = (suite) => models.filter(({ kind }) => suite.kinds.includes(kind))
  const suites = suitesOf(catalog).filter((suite) => fitting(suite).length > 0)
  const isAsked = (suite) => fitting(suite).some(({ id }) => id === model)
  const [name, setName] = useState((suites.find(isAsked) ?? suites[0])?.name ?? '')
  // The last model of a kind may have been removed since the suite was chosen.
  const suite = suites.find((row) => row.name === name) ?? suites[0]
  // Null until somebody has chosen.
  const [ticked, setTicked] = useState(null)
  const file = useRef(null)
  const upload = useAction((data) =>
    send('POST', `/api/v1/artifacts?${new URLSearchParams({ name: data.name, pin: 'user' })}`, data),
  )
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
    const limit = String(form.get('limit') ?? '')
    const params = { models: chosen, suite: suite.name }
    if (suite.data === null) return act([{ kind: 'evaluate', params }])
    const stored = await upload.act(file.current.files[0])
    if (stored === undefined) return undefined
    const options = limit === '' ? {} : { options: { limit: Number(limit) } }
    return act([{ kind: 'evaluate', params: { ...params, files: { data: stored.cid }, ...options } }])
  }
  return html`<form class="form" onSubmit=${submit}>
    <label>Suite
      <select name="suite" value=${suite.name} onChange=${choose}>
        ${suites.map((row) => html`<option value=${row.name}>${row.name}: ${row.title}</option>`)}
      </select></label>
    ${
      suite.data === null
        ? null
        : html`<div class="form inline">
            <label>Data (${suite.data})<input ref=${file} type="file" name="data" required /></label>
            <label>Items at most<input name="limit" type="number" min="1" placeholder="all" /></label>
          </div>`
    }
    <fieldset>
      <legend>Models${chosen.length > 1 ? html`; the others are compared with <b>${chosen[0]}</b>` : ', one or several'}</legend>
      ${offered.map(({ id }) => html`<label class="check" key=${id}><input type="checkbox" name="model" checked=${chosen.includes(id)} onChange=${tick(id)} /> ${id}</label>`)}
    </fieldset>
    <button type="submit" class="primary" disabled=${busy || upload.busy || chosen.length === 0}>Evaluate</button>
    <${Problem} error=${upload.error} />
    <p class="foot">Retrieval, examples and sampling: <code>village evaluate --help</code></p>
  </form>`
}
