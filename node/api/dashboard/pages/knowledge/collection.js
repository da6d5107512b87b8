/** One collection: what it is, who holds it, its documents, and what is done with it. */
import { bytes, count, counted, percent, short, time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { placeOf } from '../../parts/place.js'
import { Facts } from '../../parts/result.js'
import { Copy, Empty, Loading, Problem, Section } from '../../parts/widgets.js'
import { ACCESS } from './collections.js'
import { Documents } from './documents.js'
import { Run, useRuns } from './runs.js'
import { Settings } from './settings.js'
import { Trail } from './trail.js'
import { Upload } from './upload.js'

const CHANGES = ['collection:changed', 'collection:removed', 'index:changed']
const MOST_RUNS = 5

function holdersOf({ access, segments, missingSegments, holdersPresent, localSegments, replicas, isOwn }) {
  if (access === 'private') return 'this node alone'
  const here = `this node holds ${count(localSegments)} of ${count(segments)}`
  if (missingSegments > 0)
    return `${counted(missingSegments, 'part is', 'parts are')} with nobody who is here; ${here}`
  const others = holdersPresent - (isOwn ? 1 : 0)
  return `each part with at least ${count(Math.max(0, isOwn ? others : holdersPresent))} ${isOwn ? `other members (wanted: ${replicas})` : 'members'}; ${here}`
}

function About({ one, info, state }) {
  const rows = [
    ['access', html`<span class=${`access ${one.access}`}>${ACCESS[one.access].title}</span>`],
    ['owner', one.isOwn ? 'this node' : (one.ownerName ?? short(one.owner))],
    ['documents', count(one.documents)],
    ['passages', count(one.chunks)],
    ['size', bytes(one.sizeBytes)],
    ['languages', one.languages.join(', ') || 'none told'],
    ['vectors', one.encoder === null ? 'none: words only' : `yes, ${percent(one.weight)} of the score`],
    ['parts', holdersOf(one)],
    ['changed', time(one.updatedAtMs)],
    ['id', html`<${Copy} text=${one.id} label="the id of the collection">${short(one.id)}<//>`],
  ]
  const problem = info?.problem ?? one.problem
  return html`<${Section} id="about" title=${one.name}>
    <p class="foot">${ACCESS[one.access].means}</p>
    <${Facts} rows=${rows} />
    ${problem === null || problem === undefined ? null : html`<${Problem} error=${{ ...problem, fix: '' }} />`}
    ${one.isOwn || state.status === undefined ? null : html`<p class="foot">Of another member: it can be searched and asked here; its documents are listed with its owner.</p>`}
  <//>`
}

function Indexing({ info }) {
  const { runs, error, loading, paceOf, reload } = useRuns(info.id)
  return html`<${Section} id="indexing" title="Indexing" aside=${html`<a class="button" href=${placeOf('knowledge', '~add', info.name)}>Index a folder</a>`}>
    ${
      info.roots.length === 0
        ? null
        : html`<ul>${info.roots.map(
            ({ path }) => html`<li class="row" key=${path}><div class="row-main">${path}</div>
              <span class="soft">${info.watched.includes(path) ? 'watched: changes are followed' : 'as it was when it was indexed'}</span></li>`,
          )}</ul>`
    }
    <${Problem} error=${error} />
    ${
      loading
        ? html`<${Loading} />`
        : runs.length === 0
          ? html`<p class="foot">No run since the node was started.</p>`
          : html`<ul>${runs
              .slice(0, MOST_RUNS)
              .map(
                (run) => html`<${Run} key=${run.id} run=${run} pace=${paceOf(run)} reload=${reload} />`,
              )}</ul>`
    }
    <${Upload} info=${info} />
  <//>`
}

export function CollectionPage({ state, known, label }) {
  const one = known.data?.collections.find(
    (candidate) =>
      candidate.label === label || candidate.id === label || (candidate.isOwn && candidate.name === label),
  )
  const isOwn = one?.isOwn === true
  const {
    data: info,
    error,
    reload,
  } = useLive(isOwn ? `/api/v1/collections/${encodeURIComponent(one.id)}` : null, CHANGES, {
    only: (data) => data.collection === one?.id,
  })
  const trail = html`<${Trail} steps=${[[one?.name ?? label.split('@')[0], null]]} />`
  if (known.data === undefined)
    return html`${trail}<${Problem} error=${known.error} />${known.error === null ? html`<${Loading} lines=${6} />` : null}`
  if (one === undefined)
    return html`${trail}<${Section} id="about" title="Not here"><${Empty}>There is no collection “${label}”, or it is not shared with this node.<//><//>`
  return html`${trail}
    <${About} one=${one} info=${info} state=${state} />
    <${Problem} error=${error} />
    ${
      info === undefined
        ? null
        : html`<div class="columns">
            <div class="column"><${Documents} info=${info} /><${Indexing} info=${info} /></div>
            <div class="column"><${Settings} info=${info} onChanged=${reload} /></div>
          </div>`
    }`
}
