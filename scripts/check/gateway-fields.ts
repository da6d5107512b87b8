/** docs/gateway-fields.md: made from the tables that the gateway itself reads (node/api/gateway/field-rules.ts). */
import {
  CHAT_FIELDS,
  EMBEDDING_FIELDS,
  type FieldRule,
  type FieldTable,
  RESPONSE_FIELDS,
} from '../../node/api/gateway/field-rules.ts'

const PAGES: readonly [route: string, table: FieldTable, hasAgents: boolean][] = [
  ['POST /v1/chat/completions', CHAT_FIELDS, true],
  ['POST /v1/responses', RESPONSE_FIELDS, true],
  ['POST /v1/embeddings', EMBEDDING_FIELDS, false],
]

function ruleText(rule: FieldRule): string {
  if (rule.rule !== 'only') return rule.rule
  return `only ${rule.values.map((value) => `\`${JSON.stringify(value)}\``).join(', ')}`
}

function section(route: string, table: FieldTable, hasAgents: boolean): string {
  const head = ['Field', 'What becomes of it', 'Which means', ...(hasAgents ? ['For agents'] : [])]
  const rows = Object.entries(table).map(([name, row]) => [
    `\`${name}\``,
    ruleText(row),
    row.doc,
    ...(hasAgents ? [row.agent === undefined ? 'the same' : `${ruleText(row.agent)}: ${row.agent.doc}`] : []),
  ])
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`)
  return `## ${route}\n\n${lines.join('\n')}\n`
}

export function renderGatewayFields(note: string): string {
  return [
    '# Fields of the gateway\n',
    `${note}\n`,
    'One row a field of OpenAI’s API: the [gateway](gateway.md) does what it asks for (`honoured`), takes only the values that say what',
    'happens anyway (`only`), refuses it by its name with 400 `CHAT_FIELD_UNSUPPORTED` (`refused`), or takes a short text that asks for',
    'nothing that an answer could show (`label`). The tables themselves are in',
    '[node/api/gateway/field-rules.ts](../node/api/gateway/field-rules.ts).\n',
    PAGES.map((page) => section(...page)).join('\n'),
  ].join('\n')
}
