/** docs/metrics.md: made from the table of metrics. */
import { METRIC_GROUPS } from '../../node/api/metrics/table.ts'

/** What a value counts: the base unit that the name ends with, as the conventions of Prometheus have it. */
export function unitOf(name: string): string {
  const base = name.replace(/_total$/, '')
  const unit = /_(bytes|seconds|celsius|ratio|tokens|info)$/.exec(base)?.[1]
  return unit === 'info' ? '' : (unit ?? '')
}

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;')

export function renderMetricsDocs(note: string): string {
  const sections = METRIC_GROUPS.map(({ title, rows }) => {
    const lines = rows.map(({ name, type, labels, help }) => {
      const named = labels.map((label) => `\`${label}\``).join(', ')
      return `| ${[`\`${name}\``, type, unitOf(name), named, cell(help)].join(' | ')} |`
    })
    const head = ['Name', 'Type', 'Unit', 'Labels', 'Meaning']
    return [
      `## ${title}\n`,
      `| ${head.join(' | ')} |`,
      `| ${head.map(() => '---').join(' | ')} |`,
      ...lines,
      '',
    ].join('\n')
  })
  return [
    '# Metrics\n',
    `${note}\n`,
    '`GET /metrics` answers in the text format of Prometheus (version 0.0.4) whoever shows a token or a key of the scope `read`.',
    '[observability.md](observability.md) says how to scrape it, and has a dashboard and alerts. Numbers are kept since the start of',
    'the daemon and read when somebody scrapes; a histogram has the series `_bucket`, `_sum` and `_count`. Label values come from the',
    'tables of the daemon, never from the text of a person or a peer. Beside these there are `process_*` and `nodejs_*`: memory, CPU,',
    'file descriptors, heap and garbage collection of the process, under the names that the client library for Node gives them.\n',
    sections.join('\n'),
  ].join('\n')
}
