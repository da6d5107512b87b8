/**
 * A recipe as text: pasted, or one of the examples; checked by the daemon, with the files that it names, before it can be
 * started. Changed text has to be checked again.
 */
import { useEffect, useId, useRef, useState } from '../../lib/hooks.js'
import { send } from '../../parts/connection.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { Problem, useAction } from '../../parts/widgets.js'

/** The daemon may have to try codecs on tensors before it can say what there is to choose from. */
const LONG_STEP =
  'Working out what it comes to, and what it costs: a run over codecs tries them on the model first, and one candidate is scored…'

/** A copy with another value at one place. */
export function withValueAt(value, [key, ...rest], replaced) {
  if (key === undefined) return replaced
  if (Array.isArray(value))
    return value.map((item, index) => (index === key ? withValueAt(item, rest, replaced) : item))
  return { ...value, [key]: withValueAt(value[key], rest, replaced) }
}

/** Paths of the machine that the daemon runs on begin like this, on any system. */
const isAbsolute = (path) => /^(\/|[A-Za-z]:[\\/])/.test(path)

/** The CID of each file that the recipe names, by its path: uploaded from here, or read by the daemon. */
async function storeFiles(files, picked, stored, signal) {
  const cids = new Map()
  for (const path of new Set(files.map((file) => file.path))) {
    const file = picked.get(path)
    const known = stored.get(path)
    if (known !== undefined && known.file === file) cids.set(path, known)
    else {
      const name = path.split(/[\\/]/).pop() || 'data'
      const artifact =
        file === undefined
          ? await send('POST', '/api/v1/artifacts/path', { path, name }, { signal })
          : await send('POST', `/api/v1/artifacts?${new URLSearchParams({ name })}`, file, { signal })
      cids.set(path, { file, cid: artifact.cid })
    }
  }
  return cids
}

function Files({ files, picked, onPick }) {
  const paths = [...new Set(files.map(({ path }) => path))]
  return html`<fieldset class="recipe-files">
    <legend>Files that it names</legend>
    ${paths.map((path) =>
      isAbsolute(path)
        ? html`<p key=${path}><code>${path}</code> <span class="soft">read by the daemon where it is</span></p>`
        : html`<label key=${path}><code>${path}</code>
            <span class="soft">${picked.has(path) ? `${picked.get(path).name} from this computer` : 'choose it: the daemon does not know where it is'}</span>
            <input type="file" onChange=${(event) => onPick(path, event.currentTarget.files?.[0])} /></label>`,
    )}
  </fieldset>`
}

/**
 * @param {object} given `kind` of recipe; `plan(read, signal)` says what it comes to (may ask the daemon; resolves to anything that `Plan` shows); `Plan`
 *   shows it; `start(read, plan)` starts it; `verb` of the button
 */
export function RecipeBox({ kind, state, plan, Plan, start, verb, placeholder, children }) {
  const field = useId()
  const { data, error: listError } = useLive('/api/v1/examples')
  const [text, setText] = useState('')
  const [directory, setDirectory] = useState(null)
  const [files, setFiles] = useState([])
  const [picked, setPicked] = useState(() => new Map())
  const [stored, setStored] = useState(() => new Map())
  const [checked, setChecked] = useState(null)
  const examples = (data?.examples ?? []).filter((example) => example.kind === kind)
  const [step, setStep] = useState('')
  const running = useRef(null)
  useEffect(() => () => running.current?.abort(), [])
  const look = async (signal) => {
    setChecked(null)
    setStep('Reading the recipe…')
    const read = await send('POST', '/api/v1/recipes', { kind, text, directory }, { signal })
    setFiles(read.files)
    if (read.files.some(({ path }) => !isAbsolute(path) && !picked.has(path))) return null
    setStep('Storing the files that it names…')
    const cids = await storeFiles(read.files, picked, stored, signal)
    setStored(cids)
    const options = read.files.reduce(
      (value, { at, path }) => withValueAt(value, at, cids.get(path).cid),
      read.document.workload?.options,
    )
    const document =
      read.files.length === 0
        ? read.document
        : { ...read.document, workload: { ...read.document.workload, options } }
    const settled = { ...read, document }
    setStep(LONG_STEP)
    setChecked({ read: settled, plan: await plan(settled, signal) })
    return null
  }
  const check = useAction(async () => {
    const abort = new AbortController()
    running.current = abort
    try {
      return await look(abort.signal)
    } catch (error) {
      // Whoever stopped it knows.
      if (abort.signal.aborted) return null
      throw error
    }
  })
  const begin = useAction(() => start(checked.read, checked.plan))
  const change = (next, from = null) => {
    setText(next)
    setDirectory(from)
    setChecked(null)
    setFiles([])
  }
  const pick = (path, file) => {
    const next = new Map(picked)
    if (file === undefined) next.delete(path)
    else next.set(path, file)
    setPicked(next)
    setChecked(null)
  }
  const choose = (event) => {
    const example = examples.find(({ name }) => name === event.currentTarget.value)
    if (example !== undefined) change(example.text, example.directory)
  }
  const submit = (event) => {
    event.preventDefault()
    check.act()
  }
  return html`<form class="form recipe" onSubmit=${submit}>
    <${Problem} error=${listError} />
    <label>Begin with an example
      <select onChange=${choose} disabled=${examples.length === 0}>
        <option value="">${data === undefined ? '…' : 'none'}</option>
        ${examples.map(({ name, title }) => html`<option value=${name}>${`${name}: ${title}`}</option>`)}
      </select></label>
    <label for=${field}>Recipe</label>
    <textarea id=${field} rows="12" spellcheck="false" autocomplete="off" required placeholder=${placeholder} value=${text}
      onInput=${(event) => change(event.currentTarget.value, directory)}></textarea>
    ${files.length === 0 ? null : html`<${Files} files=${files} picked=${picked} onPick=${pick} />`}
    ${children}
    <${Problem} error=${check.error} />
    <div class="recipe-actions">
      <button type="submit" class=${checked === null ? 'primary' : ''} disabled=${check.busy || text.trim() === ''}>${check.busy ? 'Checking…' : 'Check'}</button>
      ${check.busy ? html`<button type="button" onClick=${() => running.current?.abort()}>Stop</button>` : null}
      ${checked === null ? null : html`<button type="button" class="primary" disabled=${begin.busy} onClick=${() => begin.act()}>${begin.busy ? 'Starting…' : verb}</button>`}
    </div>
    <div role="status">${check.busy ? html`<p class="foot">${step}</p>` : checked === null ? null : html`<${Plan} plan=${checked.plan} read=${checked.read} state=${state} />`}</div>
    <${Problem} error=${begin.error} />
  </form>`
}
