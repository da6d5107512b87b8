/** A document, open at a passage: the span that was cited or found is marked, with its page and headings. */
import { useEffect, useRef, useState } from '../../lib/hooks.js'
import { get } from '../../parts/connection.js'
import { bytes, count, counted, time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { collectionName } from '../../parts/passage.js'
import { placeOf } from '../../parts/place.js'
import { Facts } from '../../parts/result.js'
import { Empty, Loading, Problem, Section, useAction } from '../../parts/widgets.js'
import { Passages } from './passages.js'
import { Trail } from './trail.js'

/** Neighbours of a passage that lies with another member, on either side. */
const AROUND = 10
/** A longer document of this node is shown around the passage, not whole. */
const MOST_BYTES = 4 * 2 ** 20
/** The passage lies elsewhere by now, since parts of the collection were merged: the document knows its spans all the same. */
const MOVED = new Set(['PASSAGE_UNKNOWN', 'KNOWLEDGE_UNAVAILABLE'])
/** This node's own, of which it has not the whole text. */
const SPREAD = 'COLLECTION_SPREAD'

function readSpan(text) {
  const match = /^(\d{1,12})-(\d{1,12})$/.exec(text ?? '')
  return match === null ? null : { start: Number(match[1]), end: Number(match[2]) }
}

const readWhole = async (label, document) => ({
  ...(await get(
    `/api/v1/collections/${encodeURIComponent(label)}/documents/${encodeURIComponent(document)}`,
  )),
  isWhole: true,
})

async function readPart(segment, chunk) {
  const { passages } = await get(
    `/api/v1/passages/${encodeURIComponent(segment)}/${encodeURIComponent(chunk)}?around=${AROUND}`,
  )
  return { record: passages[0].record, passages, isWhole: false }
}

async function readOwn({ label, document, segment, chunk }) {
  let part = null
  try {
    if (chunk !== undefined) part = await readPart(segment, chunk)
  } catch (error) {
    if (!MOVED.has(error.code)) throw error
  }
  if (part !== null && part.record.sizeBytes > MOST_BYTES) return part
  try {
    return await readWhole(label, document)
  } catch (error) {
    if (part === null || error.code !== SPREAD) throw error
    return part
  }
}

function About({ record, label, state, isWhole }) {
  const fields = Object.entries(record.fields)
  return html`<${Facts} rows=${[
    ['from', html`<a href=${placeOf('knowledge', label)}>${collectionName(label, state)}</a>`],
    ['file', record.source],
    ['format', record.mediaType],
    ['language', record.language ?? 'not told'],
    ['size', bytes(record.sizeBytes)],
    ['changed', time(record.modifiedAtMs)],
    ...fields.slice(0, 12).map(([name, value]) => [name, String(value)]),
  ]} />
    ${isWhole ? null : html`<p class="foot">${record.sizeBytes > MOST_BYTES && !label.includes('@') ? 'It is long' : 'It lies with another member'}: this is the passage and what stands around it.</p>`}`
}

export function DocumentPage({ state, known, label, document, span: spanText, segment, chunk }) {
  const span = readSpan(spanText)
  const [shown, setShown] = useState(null)
  const top = useRef(null)
  const isOwn = !label.includes('@')
  const canReadPart = segment !== undefined && chunk !== undefined
  const { error, act } = useAction(async () => {
    if (isOwn) setShown(await readOwn({ label, document, segment, chunk }))
    else if (canReadPart) setShown(await readPart(segment, chunk))
  })
  useEffect(() => {
    act()
  }, [])
  useEffect(() => {
    const mark = top.current?.querySelector('mark')
    mark?.scrollIntoView({ block: 'center' })
    mark?.focus({ preventScroll: true })
  }, [shown])
  const title = shown?.record.title ?? shown?.record.source ?? 'Document'
  const collection = known.data?.collections.find((one) => one.label === label || one.name === label)
  const name = collection?.isOwn === false ? collectionName(label, state) : label
  return html`<${Trail} steps=${[[name, placeOf('knowledge', label)], [title, null]]} />
    <${Section} id="document" title=${title}>
      <${Problem} error=${error} />
      ${
        shown !== null
          ? html`<${About} record=${shown.record} label=${label} state=${state} isWhole=${shown.isWhole} />
            <p class="foot" role="status">${counted(shown.passages.length, 'passage')}${span === null ? '' : `; characters ${count(span.start)} to ${count(span.end)} are marked`}.</p>
            <div class="document" ref=${top}><${Passages} passages=${shown.passages} span=${span} /></div>`
          : error !== null
            ? null
            : isOwn || canReadPart
              ? html`<${Loading} lines=${8} />`
              : html`<${Empty}>This document belongs to another member, and the address does not say where the passage lies. <a href=${placeOf('knowledge', label)}>Open the collection</a>, or search for it.<//>`
      }
    <//>`
}
