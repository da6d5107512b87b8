/** The best candidates of a run, each with its genome in words. */
import { DataTable } from '../../parts/data-table.js'
import { html } from '../../parts/html.js'
import { score } from './words.js'

export function Candidates({ report, words, nameOf, onSelect }) {
  const hasSecond = report.candidates.some(({ objectives }) => objectives.length > 1)
  const columns = [
    {
      title: 'Candidate',
      value: ({ id }) => id,
      cell: ({ id }) => html`<button type="button" class="link" onClick=${() => onSelect(id)}>${id}</button>`,
    },
    { title: 'Score', value: ({ mean }) => mean, cell: (_, mean) => score(mean), numeric: true },
    ...(hasSecond
      ? [
          {
            title: report.kind === 'compression' ? 'Saved' : 'Second objective',
            value: ({ objectives }) => objectives[1] ?? null,
            cell: (_, value) =>
              value === null
                ? '–'
                : report.kind === 'compression'
                  ? `${(value * 100).toFixed(1)}%`
                  : score(value),
            numeric: true,
          },
        ]
      : []),
    { title: 'Generation', value: ({ generation }) => generation + 1, numeric: true },
    {
      title: 'Made by',
      value: ({ by, proposer }) => (proposer === '' ? by : `${by}, put in by ${nameOf(proposer)}`),
    },
    { title: 'Parents', value: ({ parents }) => parents.join(', ') },
    { title: 'Scored by', value: ({ scorers }) => scorers.map(nameOf).join(', ') },
    {
      title: 'What it is',
      value: ({ genome }) => words(genome),
      cell: (_, text) => html`<small>${text}</small>`,
    },
  ]
  return html`<${DataTable} label="Best candidates" noun="candidate" columns=${columns} rows=${report.candidates} keyOf=${({ id }) => id}
    search=${({ id, by, genome }) => `${id} ${by} ${words(genome)}`} sort=${[1, 'descending']} pageRows=${8} />`
}
