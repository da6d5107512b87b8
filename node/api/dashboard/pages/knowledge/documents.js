/** The documents of an own collection, a page at a time. */
import { useEffect, useState } from '../../lib/hooks.js'
import { send } from '../../parts/connection.js'
import { bytes, count, time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { passagePlace } from '../../parts/passage.js'
import { Read } from '../../parts/read.js'
import { Confirm, Section, Table } from '../../parts/widgets.js'

const PAGE = 25

export function Documents({ info }) {
  const target = `/api/v1/collections/${encodeURIComponent(info.id)}/documents`
  /** Cursors of the pages up to this one. */
  const [cursors, setCursors] = useState([null])
  const cursor = cursors.at(-1)
  const {
    data: page,
    error,
    loading: busy,
    reload,
  } = useLive(`${target}?limit=${PAGE}${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`, [
    'index:changed',
  ])
  useEffect(reload, [info.generation])
  const remove = (id) => async () => {
    await send('POST', `${target}/remove`, { documents: [id] })
    reload()
    return true
  }
  const first = (cursors.length - 1) * PAGE
  return html`<${Section} id="documents" title=${html`Documents <span class="count">${count(info.documents)}</span>`}>
    <${Read} error=${error} rows=${page?.documents} lines=${4} empty="No documents yet. Index a folder, or add files from this device.">
      ${(documents) =>
        html`<${Table} label="Documents" head=${['Document', 'Language', 'Size', 'Changed', '']} rows=${documents.map(
          (record) => ({
            key: record.id,
            cells: [
              html`<span class="name"><a href=${passagePlace({ collection: info.name, document: record.id })}>${record.title ?? record.source}</a>${record.title === null ? null : html` <small>${record.source}</small>`}</span>`,
              record.language ?? '–',
              bytes(record.sizeBytes),
              time(record.modifiedAtMs),
              html`<${Confirm} label="Remove" question=${`Remove ${record.source}?`} explain="Its text goes from this node’s disk, and from members that hold copies. The file itself stays; watching does not bring it back." verb="Remove it" action=${remove(record.id)} />`,
            ],
          }),
        )} />`}
    <//>
    ${
      page === undefined || (page.next === null && cursors.length === 1)
        ? null
        : html`<div class="pager">
            <button type="button" disabled=${busy || cursors.length === 1} onClick=${() => setCursors(cursors.slice(0, -1))}>Back</button>
            <span class="soft">${count(first + 1)} to ${count(first + page.documents.length)} of ${count(info.documents)}</span>
            <button type="button" disabled=${busy || page.next === null} onClick=${() => setCursors([...cursors, page.next])}>Next</button>
          </div>`
    }
  <//>`
}
