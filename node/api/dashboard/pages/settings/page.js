/** Every key of the configuration: found by word or by group (`#settings/GROUP`), explained, and changed. */

import { useEffect, useMemo, useState } from '../../lib/hooks.js'
import { send } from '../../parts/connection.js'
import { counted } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { placeOf } from '../../parts/place.js'
import { Empty, Loading, Problem, Section, useAction } from '../../parts/widgets.js'
import { SaveBar } from './save-bar.js'
import { SettingRow } from './setting-row.js'
import { groupOf, isFound, isPending } from './setting-values.js'

const TITLES = {
  data: 'Data',
  log: 'Log',
  node: 'This node',
  api: 'API and dashboard',
  mesh: 'Network',
  general: 'Profile',
  resources: 'Resources',
  jobs: 'Jobs',
  generate: 'Text generation',
  models: 'Models',
  artifacts: 'Artifacts',
  hub: 'Pulling models',
  knowledge: 'Knowledge',
  rag: 'Knowledge',
  agents: 'Agents',
  twin: 'Twin',
  rounds: 'Runs of evolution',
  federate: 'Federated learning',
  selfEvolution: 'Self-evolution',
  tracking: 'Tracking of experiments',
}
const titleOf = (group) =>
  TITLES[group] ?? group.replace(/([a-z])([A-Z])/g, '$1 $2').replace(/^./, (letter) => letter.toUpperCase())

/** What came of a change, in a sentence. */
function outcome({ applied, needRestart, overridden }) {
  const parts = [
    applied.length > 0 ? `In effect: ${applied.join(', ')}.` : '',
    needRestart.length > 0 ? `With the next start: ${needRestart.join(', ')}.` : '',
    overridden.length > 0
      ? `Stored, but the command line or the environment says otherwise: ${overridden.join(', ')}.`
      : '',
  ].filter((part) => part !== '')
  return parts.length === 0 ? 'Nothing was different.' : parts.join(' ')
}

/** All of a group's rows; closed until it is looked for, for there are many groups. */
function Group({ name, rows, isOpen, children }) {
  const own = rows.filter(({ source }) => source === 'file').length
  return html`<details class="section group" id=${`settings-${name}`} open=${isOpen}>
    <summary><h2>${titleOf(name)}</h2>
      <span class="count">${counted(rows.length, 'setting')}${own > 0 ? `, ${own} from the file` : ''}</span></summary>
    ${children}
  </details>`
}

export function Page({ place }) {
  const { data, error, reload } = useLive('/api/v1/config', ['config:changed'])
  const [text, setText] = useState('')
  const [isChangedOnly, setChangedOnly] = useState(false)
  /** Key → `{ text, value }` or `{ reset, value: null }`; `isSaved` until what was saved is read again. */
  const [changes, setChanges] = useState(() => new Map())
  const [told, setTold] = useState('')
  const rows = data?.config ?? []
  const pending = rows
    .map((row) => [row, changes.get(row.key)])
    .filter(([row, change]) => isPending(row, change))
  const saving = useAction(async () => {
    const values = Object.fromEntries(pending.map(([row, { value }]) => [row.key, value]))
    const result = await send('PATCH', '/api/v1/config', { changes: values })
    // They stand in their fields until the values are read again: the old ones must not come back in between.
    setChanges(new Map([...changes].map(([key, one]) => [key, { ...one, isSaved: true }])))
    setTold(outcome(result))
    reload()
    return result
  })
  useEffect(() => setChanges((held) => new Map([...held].filter(([, { isSaved }]) => !isSaved))), [data])
  const rereading = useAction(async () => {
    setTold(outcome(await send('POST', '/api/v1/config/reload')))
    reload()
  })
  const group = place[0] ?? ''
  const groups = useMemo(() => [...new Set(rows.map(({ key }) => groupOf(key)))], [data])
  const found = rows.filter(
    (row) =>
      (group === '' || groupOf(row.key) === group) &&
      (text.trim() === '' || isFound(row, text)) &&
      (!isChangedOnly || row.source !== 'default' || changes.has(row.key)),
  )
  const isSearching = text.trim() !== '' || isChangedOnly
  const change = (key) => (next) => {
    const copy = new Map(changes)
    if (next === undefined) copy.delete(key)
    else copy.set(key, next)
    setChanges(copy)
    setTold('')
  }
  const wrongKey = saving.error?.fields?.key
  if (data === undefined)
    return error === null ? html`<${Loading} lines=${10} />` : html`<${Problem} error=${error} />`
  return html`<div class="stack settings">
    <${Section} id="settings-find" title="Find" aside=${html`<button type="button" class="quiet" disabled=${rereading.busy} onClick=${() => rereading.act()}>Read the file again</button>`}>
      <input type="search" aria-label="Find a setting" placeholder="Find by key, meaning or value" value=${text} onInput=${({ currentTarget }) => setText(currentTarget.value)} />
      <nav class="families" aria-label="Groups of settings">
        <a href="#settings" aria-current=${group === '' ? 'true' : undefined}>all</a>
        ${groups.map((one) => html`<a key=${one} href=${placeOf('settings', one)} aria-current=${one === group ? 'true' : undefined}>${titleOf(one)}</a>`)}
      </nav>
      <label class="check"><input type="checkbox" checked=${isChangedOnly} onChange=${({ currentTarget }) => setChangedOnly(currentTarget.checked)} /> Only those that differ from their default</label>
      <p class="foot">${data.file === null ? 'This daemon has no configuration file: nothing can be changed here.' : html`The file: <code>${data.file}</code>`}</p>
      <p class="told" role="status">${told}</p>
      <${Problem} error=${rereading.error} />
      <${Problem} error=${wrongKey === undefined ? saving.error : null} />
    <//>
    ${
      found.length === 0
        ? html`<${Section} id="settings-none" title="Nothing found"><${Empty}>No setting fits. <button type="button" class="quiet" onClick=${() => {
            setText('')
            setChangedOnly(false)
          }}>Show all</button><//><//>`
        : groups
            .filter((one) => found.some(({ key }) => groupOf(key) === one))
            .map(
              (
                one,
              ) => html`<${Group} key=${one} name=${one} isOpen=${group !== '' || isSearching} rows=${rows.filter(({ key }) => groupOf(key) === one)}>
                ${found
                  .filter(({ key }) => groupOf(key) === one)
                  .map(
                    (row) =>
                      html`<${SettingRow} key=${row.key} row=${row} change=${changes.get(row.key)} onChange=${change(row.key)}
                        error=${wrongKey === row.key ? saving.error.message : undefined} />`,
                  )}
              <//>`,
            )
    }
    ${
      pending.length === 0
        ? null
        : html`<${SaveBar} changes=${pending} file=${data.file} busy=${saving.busy} error=${null} onSave=${() => saving.act()} onDiscard=${() => setChanges(new Map())} />`
    }
  </div>`
}
