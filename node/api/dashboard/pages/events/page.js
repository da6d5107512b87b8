/** What happens, as it happens: each event in a sentence, with its fields. The families that are shown are in the address. */
import { useMemo, useState } from '../../lib/hooks.js'
import { EVENT_TYPES, isNotable, wordsOf } from '../../parts/event-words.js'
import { count, figure } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { peerNames } from '../../parts/peer-names.js'
import { placeOf } from '../../parts/place.js'
import { Empty, Loading, Problem, Section } from '../../parts/widgets.js'
import { familyOf, filterEvents, MAX_BY_KIND, withLatestProgress } from './event-log.js'
import { useEventLog } from './use-event-log.js'

const PAGE_ROWS = 100
const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
})
const FAMILIES = [...new Set(EVENT_TYPES.map(familyOf))]
/** Tasks come by the hundred, and so does progress: they are shown to those who ask for them. */
const USUAL = new Set(FAMILIES.filter((family) => family !== 'task'))
const ALL = new Set(FAMILIES)

function Fields({ data }) {
  return html`<dl class="event-fields">${Object.entries(data).map(
    ([name, value]) =>
      html`<div><dt>${name}</dt><dd>${
        value !== null && typeof value === 'object'
          ? JSON.stringify(value)
          : value === null
            ? 'none'
            : figure(value)
      }</dd></div>`,
  )}</dl>`
}

function EventRow({ event, nameOf }) {
  const [isOpen, setOpen] = useState(false)
  return html`<li class=${`event ${isNotable(event) ? 'notable' : ''}`}>
    <details onToggle=${({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>
        <time datetime=${new Date(event.timeMs).toISOString()}>${CLOCK.format(event.timeMs)}</time>
        <span class="event-words">${wordsOf(event, nameOf)}</span>
        <code class="event-type">${event.type}</code>
      </summary>
      ${isOpen ? html`<${Fields} data=${event.data} />` : null}
    </details>
  </li>`
}

/** `chosen`: null while nobody has chosen. */
function Families({ chosen, isAll }) {
  const toggled = (family) => {
    const next = FAMILIES.filter((one) => (one === family) !== (chosen?.has(one) ?? false))
    return next.length === 0 ? placeOf('events') : placeOf('events', next.join())
  }
  return html`<nav class="families" aria-label="Kinds of events">
    <a href="#events" aria-current=${chosen === null && !isAll ? 'true' : undefined}>what matters</a>
    <a href=${placeOf('events', 'all')} aria-current=${isAll ? 'true' : undefined}>all</a>
    ${FAMILIES.map(
      (family) =>
        html`<a key=${family} href=${toggled(family)} aria-current=${chosen?.has(family) ? 'true' : undefined}>${family}</a>`,
    )}
  </nav>`
}

/** One event a line, oldest first, as programs read them. */
function save(events) {
  const lines = [...events].reverse().map((event) => `${JSON.stringify(event)}\n`)
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob(lines, { type: 'application/x-ndjson' }))
  link.download = 'events.jsonl'
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

export function Page({ state, place }) {
  const [isPaused, setPaused] = useState(false)
  const [text, setText] = useState('')
  const [rows, setRows] = useState(PAGE_ROWS)
  const { events, waiting, error, clear } = useEventLog(isPaused)
  const { members, peers, status } = state
  const nameOf = useMemo(() => peerNames({ members, peers, status }), [members, peers, status])
  const wanted = place[0] ?? ''
  const chosen = useMemo(() => {
    const named = FAMILIES.filter((family) => wanted.split(',').includes(family))
    return named.length === 0 ? null : new Set(named)
  }, [wanted])
  const isAll = wanted === 'all'
  const found = useMemo(() => {
    const held = chosen === null && !isAll ? withLatestProgress(events ?? []) : (events ?? [])
    const families = chosen ?? (isAll ? ALL : USUAL)
    return filterEvents(held, { families, text }, (event) => wordsOf(event, nameOf))
  }, [events, chosen, isAll, text, nameOf])
  const aside = html`<span class="cell-actions">
    <button type="button" aria-pressed=${isPaused} onClick=${() => setPaused(!isPaused)}>${isPaused ? `Go on${waiting > 0 ? ` (${count(waiting)})` : ''}` : 'Pause'}</button>
    <button type="button" class="quiet" disabled=${found.length === 0} onClick=${() => save(found)}>Save as JSON lines</button>
    <button type="button" class="quiet" disabled=${events === null || events.length === 0} onClick=${clear}>Clear</button>
  </span>`
  return html`<${Section} id="event-list" title=${html`Newest first ${events === null ? null : html`<span class="count">${count(found.length)}</span>`}`} aside=${aside}>
    <input type="search" aria-label="Find in events" placeholder="Find in what happened" value=${text} onInput=${({ currentTarget }) => setText(currentTarget.value)} />
    <${Families} chosen=${chosen} isAll=${isAll} />
    <${Problem} error=${error} />
    ${
      events === null
        ? error === null
          ? html`<${Loading} lines=${8} />`
          : null
        : found.length === 0
          ? html`<${Empty}>${events.length === 0 ? 'Nothing has happened yet. What does is shown here at once.' : 'No event of these is kept.'}<//>`
          : html`<ol class="event-list" aria-label="Events">${found.slice(0, rows).map((event) => html`<${EventRow} key=${event.seq} event=${event} nameOf=${nameOf} />`)}</ol>`
    }
    ${found.length > rows ? html`<button type="button" onClick=${() => setRows(rows + PAGE_ROWS)}>Show older (${count(found.length - rows)})</button>` : null}
    <p class="foot">Of each kind the newest ${MAX_BY_KIND} are kept.</p>
  <//>`
}
