/**
 * A table of any length: searched, sorted by any column, and shown a page at a time, so that thousands of rows stay quick.
 *
 * DataTable({
 *   label, noun: 'tensor',
 *   columns: [{ title, value(row): string | number | null, cell?(row, value), numeric? }]
 *   rows, keyOf(row),
 *   search?(row): string            what a search looks in; without it there is no search
 *   sort?: [column, 'ascending' | 'descending'],  pageRows?: 25, aside?
 * })
 */
import { useMemo, useState } from '../lib/hooks.js'
import { count } from './format.js'
import { html } from './html.js'
import { Empty } from './widgets.js'

const PAGE_ROWS = 25

const compare = (a, b) => {
  if (a === b) return 0
  // What is not known comes last, whichever way.
  if (a === null || a === undefined) return 1
  if (b === null || b === undefined) return -1
  return typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b))
}

function sorted(rows, column, direction) {
  const keyed = rows.map((row) => [column.value(row), row])
  const isKnown = ([value]) => value !== null && value !== undefined
  const known = keyed.filter(isKnown).sort(([a], [b]) => compare(a, b))
  if (direction === 'descending') known.reverse()
  return [...known, ...keyed.filter((one) => !isKnown(one))].map(([, row]) => row)
}

function Pager({ page, pages, total, shown, noun, onPage }) {
  if (pages <= 1) return null
  return html`<nav class="pager" aria-label=${`Pages of ${noun}s`}>
    <button type="button" disabled=${page === 0} onClick=${() => onPage(page - 1)}>Earlier</button>
    <span role="status">${count(page * shown + 1)} to ${count(Math.min(total, (page + 1) * shown))} of ${count(total)}</span>
    <button type="button" disabled=${page >= pages - 1} onClick=${() => onPage(page + 1)}>Later</button>
  </nav>`
}

export function DataTable({
  label,
  noun,
  columns,
  rows,
  keyOf,
  search,
  sort = [0, 'ascending'],
  pageRows = PAGE_ROWS,
  aside = null,
}) {
  const [wanted, setWanted] = useState('')
  const [[by, direction], setSort] = useState(sort)
  const [asked, setPage] = useState(0)
  const found = useMemo(() => {
    const words = wanted.toLowerCase().split(/\s+/).filter(Boolean)
    if (search === undefined || words.length === 0) return rows
    return rows.filter((row) => {
      const text = search(row).toLowerCase()
      return words.every((word) => text.includes(word))
    })
  }, [rows, wanted])
  const ordered = useMemo(() => sorted(found, columns[by], direction), [found, by, direction])
  const pages = Math.max(1, Math.ceil(ordered.length / pageRows))
  const page = Math.min(asked, pages - 1)
  const turn = direction === 'ascending' ? 'descending' : 'ascending'
  const sortBy = (index) => {
    // Figures are looked at for the largest.
    setSort([index, index === by ? turn : columns[index].numeric ? 'descending' : 'ascending'])
    setPage(0)
  }
  const type = (event) => {
    setWanted(event.currentTarget.value)
    setPage(0)
  }
  return html`<div class="data-table">
    <div class="data-tools">
      ${
        search === undefined || rows.length <= 5
          ? null
          : html`<label class="data-search"><span class="hidden">${`Search ${noun}s`}</span>
              <input type="search" placeholder=${`Search ${count(rows.length)} ${noun}s`} value=${wanted} onInput=${type} /></label>`
      }
      <label class="data-sort"><span>Sort by</span>
        <select value=${by} onChange=${(event) => sortBy(Number(event.currentTarget.value))}>
          ${columns.map(({ title }, index) => (title === '' ? null : html`<option value=${index}>${title}</option>`))}
        </select></label>
      ${aside}
    </div>
    ${
      ordered.length === 0
        ? html`<${Empty}>${wanted === '' ? `No ${noun}s.` : `No ${noun} matches “${wanted}”.`}<//>`
        : html`<table aria-label=${label}>
          <thead><tr>${columns.map((column, index) =>
            column.title === ''
              ? html`<td></td>`
              : html`<th scope="col" class=${column.numeric ? 'number' : ''} aria-sort=${index === by ? direction : undefined}>
                <button type="button" class="sort" onClick=${() => sortBy(index)}>${column.title}<span aria-hidden="true">${index === by ? (direction === 'ascending' ? ' ↑' : ' ↓') : ''}</span></button></th>`,
          )}</tr></thead>
          <tbody>${ordered.slice(page * pageRows, (page + 1) * pageRows).map(
            (row) =>
              html`<tr key=${keyOf(row)}>${columns.map((column) => {
                const value = column.value(row)
                return html`<td data-head=${column.title} class=${column.numeric ? 'number' : ''}>${column.cell === undefined ? (value ?? '–') : column.cell(row, value)}</td>`
              })}</tr>`,
          )}</tbody>
        </table>`
    }
    <${Pager} page=${page} pages=${pages} total=${ordered.length} shown=${pageRows} noun=${noun} onPage=${setPage} />
  </div>`
}
