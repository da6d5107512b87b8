/** What an expression of PromQL refers to: enough of its grammar to hold dashboards and alerts to the metrics that there are. */

export interface MetricReference {
  readonly name: string
  /** Labels that it is selected by. */
  readonly labels: readonly string[]
}

export interface References {
  readonly metrics: readonly MetricReference[]
  /** Labels that results are grouped or joined by. */
  readonly grouped: readonly string[]
}

const WORDS = new Set(['by', 'on', 'without', 'ignoring', 'and', 'or', 'unless', 'group_left', 'group_right'])

const split = (list: string) =>
  list
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')

export function referencesOf(expression: string): References {
  const grouped: string[] = []
  let rest = expression.replaceAll(/\[[^\]]*\]/g, '')
  rest = rest.replaceAll(/\b(?:by|on|without|ignoring)\s*\(([^)]*)\)/g, (_whole, list: string) => {
    grouped.push(...split(list))
    return ' '
  })
  const metrics: MetricReference[] = []
  for (const found of rest.matchAll(/([a-zA-Z_:][\w:]*)\s*(\(|\{(?:[^}"]|"(?:[^"\\]|\\.)*")*\})?/g)) {
    const [, name = '', after = ''] = found
    if (after === '(' || WORDS.has(name)) continue
    const matchers = after.slice(1, -1).matchAll(/([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)\s*"(?:[^"\\]|\\.)*"/g)
    metrics.push({ name, labels: [...matchers].map(([, label]) => label!) })
  }
  return { metrics, grouped }
}

/** `{{label}}` of a legend or an annotation. */
export const legendLabels = (text: string): string[] =>
  [...text.matchAll(/\{\{\s*(?:\$labels\.)?([a-z_]\w*)\s*\}\}/g)].map(([, label]) => label!)
