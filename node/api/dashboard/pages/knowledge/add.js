/** Indexing a folder, into a collection that is there or a new one; and taking in one that was exported. */
import { useState } from '../../lib/hooks.js'
import { send } from '../../parts/connection.js'
import { html } from '../../parts/html.js'
import { goTo } from '../../parts/place.js'
import { Problem, Section, useAction } from '../../parts/widgets.js'
import { ACCESS } from './collections.js'
import { Trail } from './trail.js'

const NEW = ''
/** As collections are named (node/agents/rag/collections). */
const NAME = '[\\p{L}\\p{N}][\\p{L}\\p{M}\\p{N}._\\-]*'
const NAME_WORDS = 'Letters, digits, dots, dashes and underscores, without spaces'
const linesOf = (text) =>
  String(text ?? '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')

/** The last folder of the first path, as a name that a collection may have. */
const nameFor = (path) =>
  (path.split('/').filter(Boolean).at(-1) ?? '')
    .normalize('NFC')
    .replace(/[^\p{L}\p{M}\p{N}._-]+/gu, '-')
    .replace(/^[^\p{L}\p{N}]+/u, '')
    .slice(0, 64)

const at = (id) => `/api/v1/collections/${encodeURIComponent(id)}`

async function indexFolder(given) {
  const paths = linesOf(given.get('paths'))
  const include = linesOf(given.get('include'))
  const exclude = linesOf(given.get('exclude'))
  const language = String(given.get('language') ?? '').trim()
  const existing = String(given.get('collection') ?? NEW)
  const made =
    existing === NEW
      ? await send('POST', '/api/v1/collections', {
          name: String(given.get('name') ?? '').trim() || nameFor(paths[0] ?? ''),
          access: String(given.get('access')),
          ...(given.get('vectors') === null && { encoder: null }),
        })
      : null
  const id = made === null ? existing : made.id
  try {
    await send('POST', `${at(id)}/index`, {
      ...{ paths, watch: given.get('watch') !== null },
      ...(include.length > 0 && { include }),
      ...(exclude.length > 0 && { exclude }),
      ...(language !== '' && { language }),
    })
  } catch (error) {
    // Nothing was begun: no empty collection is left behind.
    if (made !== null) await send('DELETE', at(id))
    throw error
  }
  return made === null ? existing : made.name
}

function NewCollection({ suggested }) {
  return html`<label>Name of the new collection<input name="name" maxlength="64" pattern=${NAME} title=${NAME_WORDS} placeholder=${suggested || 'notes'} /><small>${NAME_WORDS}</small></label>
    <fieldset class="choices"><legend>Who may search it</legend>${Object.entries(ACCESS).map(
      ([name, { title, means }], index) => html`<label class="choice" key=${name}>
        <input type="radio" name="access" value=${name} defaultChecked=${index === 0} />
        <span><strong>${title}</strong><small>${means}</small></span></label>`,
    )}</fieldset>
    <label class="check"><input name="vectors" type="checkbox" defaultChecked />Search by meaning too (indexing takes longer)</label>`
}

export function AddPage({ known, into }) {
  const own = (known.data?.collections ?? []).filter(({ isOwn }) => isOwn)
  const [target, setTarget] = useState(into ?? NEW)
  const [suggested, setSuggested] = useState('')
  const { busy, error, act } = useAction(async (form) =>
    goTo('knowledge', await indexFolder(new FormData(form))),
  )
  const importing = useAction(async (file) => {
    const made = await send('POST', '/api/v1/collections/import', file)
    goTo('knowledge', made.name)
  })
  const submit = (event) => {
    event.preventDefault()
    act(event.currentTarget)
  }
  return html`<${Trail} steps=${[['Index a folder', null]]} />
    <${Section} id="add" title="Index a folder">
      <form class="form narrow" onSubmit=${submit}>
        <label>Folders or files on the machine of this node (one a line)
          <textarea name="paths" rows="2" required placeholder="/home/me/notes" onInput=${(event) => setSuggested(nameFor(linesOf(event.currentTarget.value)[0] ?? ''))}></textarea></label>
        <label>Into<select name="collection" value=${target} onChange=${(event) => setTarget(event.currentTarget.value)}>
          <option value=${NEW}>A new collection</option>
          ${own.map(({ id, name }) => html`<option key=${id} value=${name} selected=${target === name}>${name}</option>`)}
        </select></label>
        ${target === NEW ? html`<${NewCollection} suggested=${suggested} />` : null}
        <label class="check"><input name="watch" type="checkbox" defaultChecked />Watch it: index what changes from now on</label>
        <details class="why"><summary>Which files, and their language</summary><div class="form">
          <label>Only files like these (one pattern a line)<textarea name="include" rows="2" placeholder="**/*.md"></textarea></label>
          <label>Never files like these<textarea name="exclude" rows="2" placeholder="drafts/**"></textarea></label>
          <label>Language of all of it<input name="language" maxlength="3" pattern="[a-z]{2,3}" title="A code such as en or de" placeholder="told by document" /></label>
        </div></details>
        <${Problem} error=${error} />
        <button type="submit" class="primary" disabled=${busy}>${busy ? 'Beginning…' : 'Index'}</button>
      </form>
    <//>
    <${Section} id="import" title="Take in an exported collection">
      <p class="foot">A file that another node, or this one, exported. Every byte is checked; the collection is private at first.</p>
      <label class=${`button ${importing.busy ? 'off' : ''}`}>${importing.busy ? 'Checking…' : 'Choose the file'}<input class="hidden" type="file" disabled=${importing.busy} onChange=${(
        event,
      ) => {
        const [file] = event.currentTarget.files
        event.currentTarget.value = ''
        if (file !== undefined) importing.act(file)
      }} /></label>
      <${Problem} error=${importing.error} />
    <//>`
}
