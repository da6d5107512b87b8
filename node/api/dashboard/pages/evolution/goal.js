/** One goal of self-evolution: its versions, with the way back to each, and why each run was adopted or not. */
import { send } from '../../parts/connection.js'
import { counted, short, time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { placeOf } from '../../parts/place.js'
import { Confirm, Empty, Loading, Problem, Section, Table, useAction } from '../../parts/widgets.js'
import { eventWords, SELF_EVENTS } from './self-evolution.js'
import { chance, signed } from './words.js'

function what({ settings, cid }) {
  if (settings === null) return cid === null ? '–' : short(cid)
  return `weight ${settings.weight}, feedback ${settings.feedback ? 'on' : 'off'}, candidates ${settings.candidates ?? 'by hits'}`
}

const runLink = (run) =>
  run === null ? '' : html`<a href=${placeOf('evolution', 'runs', run)}>${short(run)}</a>`

function lookWords(look) {
  if (look === null) return ''
  const { number, alpha, comparison } = look
  return `look ${number}: ${signed(comparison.difference.value)} on ${counted(comparison.items, 'item')}, p ${chance(comparison.p)} against ${chance(alpha)}`
}

function Versions({ data, path, reload }) {
  const rollBack = async (version) => {
    await send('POST', `${path}/rollback`, { version })
    reload()
    return true
  }
  if (data.versions.length === 0)
    return html`<${Empty}>Nothing was changed yet: the first run records what there is.<//>`
  return html`<${Table} label="Versions" head=${['Version', 'Since', 'By', 'Run', 'What', '']}
    rows=${data.versions.map((version) => ({
      key: version.version,
      cells: [
        html`<strong>${version.version}</strong>${version.isPresent ? ' present' : ''}`,
        time(version.atMs),
        version.by === 'found' ? 'found here' : 'adopted',
        runLink(version.run),
        what(version),
        version.isPresent
          ? ''
          : html`<${Confirm} label="Put back" question=${`Put version ${version.version} back?`}
              explain="It takes the place of the present version at once, and the goal is paused until it is resumed." verb="Put it back" action=${() => rollBack(version.version)} />`,
      ],
    }))} />`
}

export function Goal({ id }) {
  const path = `/api/v1/self-evolution/${encodeURIComponent(id)}`
  const { data, error, loading, reload } = useLive(path, SELF_EVENTS)
  const resume = useAction(async () => {
    await send('POST', `${path}/resume`)
    reload()
  })
  const trail = html`<nav class="trail" aria-label="Where this is">
    <a href=${placeOf('evolution', 'self')}>Self-evolution</a><span aria-hidden="true">›</span><span aria-current="page">${id}</span></nav>`
  if (data === undefined)
    return html`${trail}<${Problem} error=${error} />${loading ? html`<${Loading} lines=${4} />` : null}`
  return html`${trail}
    <${Section} id="goal" title=${id} aside=${data.paused ? html`<button type="button" disabled=${resume.busy} onClick=${() => resume.act()}>Resume</button>` : null}>
      <p>It improves ${data.target.kind === 'model' ? 'the model' : 'how the collection is searched:'} <strong>${data.target.name}</strong>${data.paused ? '; it is paused' : ''}.</p>
      <${Problem} error=${error ?? resume.error} />
      <h3 class="below">Versions</h3>
      <${Versions} data=${data} path=${path} reload=${reload} />
    <//>
    <${Section} id="goal-history" title="What happened">
      ${
        data.history.length === 0
          ? html`<${Empty}>Nothing yet.<//>`
          : html`<${Table} label="History" head=${['When', 'What', 'Comparison', 'Version', 'Run']}
              rows=${[...data.history].reverse().map((entry, index) => ({
                key: index,
                cells: [
                  time(entry.atMs),
                  eventWords(entry),
                  lookWords(entry.look),
                  entry.version ?? '',
                  runLink(entry.run),
                ],
              }))} />`
      }
    <//>`
}
