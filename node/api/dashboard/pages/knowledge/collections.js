/** The collections that can be searched from here, this node's and other members', and those that cannot be read. */
import { send } from '../../parts/connection.js'
import { bytes, count } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { placeOf } from '../../parts/place.js'
import { Read } from '../../parts/read.js'
import { Confirm, Section, Table } from '../../parts/widgets.js'

/** Who may search, in words. */
export const ACCESS = {
  private: { title: 'private', means: 'Only this node. Nobody else learns that it exists.' },
  village: {
    title: 'village',
    means: 'Members of the village find and read its passages; copies lie with them.',
  },
  public: {
    title: 'public',
    means: 'Members, and in an open village its guests too, find and read its passages.',
  },
}

/** Whether each part of it can be searched now. */
function Holders({ one }) {
  if (one.access === 'private') return 'this node alone'
  if (one.missingSegments > 0)
    return html`<span class="doubt">${one.missingSegments} of ${one.segments} parts: nobody here holds them</span>`
  const wanted = one.replicas + 1
  const few = one.segments > 0 && one.holdersPresent < Math.min(2, wanted)
  return html`<span class=${few ? 'doubt' : ''}>${one.holdersPresent} of ${wanted} here</span>`
}

function Row(one) {
  const { label, name, isOwn, ownerName, access, documents, chunks, sizeBytes, languages, problem } = one
  return {
    key: one.id,
    cells: [
      html`<span class="name"><a href=${placeOf('knowledge', label)}><strong>${name}</strong></a>${languages.length === 0 ? null : html` <small>${languages.join(', ')}</small>`}
        ${problem === null ? null : html`<span class="doubt"> ${problem.message}</span>`}</span>`,
      isOwn ? 'this node' : (ownerName ?? 'a member'),
      html`<span class=${`access ${access}`} title=${ACCESS[access].means}>${ACCESS[access].title}</span>`,
      count(documents),
      count(chunks),
      bytes(sizeBytes),
      html`<${Holders} one=${one} />`,
    ],
  }
}

function Unreadable({ rows, reload }) {
  const remove = (id) => async () => {
    await send('DELETE', `/api/v1/collections/${encodeURIComponent(id)}`)
    reload()
    return true
  }
  return html`<${Section} id="unreadable" title="Cannot be read">
    <ul>${rows.map(
      ({ id, name, problem }) => html`<li class="row" key=${id}>
        <div class="row-main"><strong>${name ?? id}</strong><span class="doubt">${problem.message} <code>${problem.code}</code></span></div>
        <${Confirm} label="Remove" question=${`Remove ${name ?? 'this collection'}?`} explain="What is left of its index goes from the disk. The files that it was made of stay; index them again." verb="Remove it" action=${remove(id)} />
      </li>`,
    )}</ul>
  <//>`
}

export function Collections({ known }) {
  const own = useLive('/api/v1/collections?limit=1000', ['collection:created', 'collection:removed'])
  const rows = known.data?.collections
  const unreadable = own.data?.unreadable ?? []
  return html`<${Section} id="collections" title=${html`Collections${rows === undefined ? null : html` <span class="count">${rows.length}</span>`}`}
      aside=${html`<a class="button" href=${placeOf('knowledge', '~add')}>Index a folder</a>`}>
      <${Read} error=${known.error} rows=${rows}
        empty=${html`Nothing is indexed yet. <a href=${placeOf('knowledge', '~add')}>Index a folder</a> of notes, papers or code: it stays on this node, and can be searched and asked at once, offline.`}>
        ${(found) => html`<${Table} label="Collections" head=${['Name', 'Owner', 'Access', 'Documents', 'Passages', 'Size', 'Holders']} rows=${found.map(Row)} />`}
      <//>
    <//>
    ${unreadable.length === 0 ? null : html`<${Unreadable} rows=${unreadable} reload=${own.reload} />`}`
}
