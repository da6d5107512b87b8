/** What a genome says, in words (docs/scoring.md has how genomes look). Pure. */
import { counted } from '../../parts/format.js'

const percent = (share) =>
  `${share < 0 ? '−' : ''}${(Math.abs(share) * 100).toFixed(Math.abs(share) < 0.1 ? 1 : 0)}%`

/** `2 to 5`, or the one. */
const span = (from, to) => (from === to ? `${from}` : `${from} to ${to}`)

/** The groups of a merge in their order: what lies outside of the blocks, then the blocks. */
export function groupNames({ layers, groups, split }) {
  const names = ['outside of the layers']
  for (let group = 0; group < groups; group += 1) {
    const from = Math.ceil((group * layers) / groups)
    const to = Math.ceil(((group + 1) * layers) / groups) - 1
    const stretch = `layers ${span(from + 1, to + 1)}`
    if (split) names.push(`attention of ${stretch}`, `feed-forward of ${stretch}`)
    else names.push(stretch)
  }
  return names
}

function mergeWords({ m, w, d }, key, nameOf) {
  const parts = w.map((row, group) => {
    const shares = row.flatMap((value, parent) =>
      value === 0 ? [] : [`${nameOf(key.parents[parent])} ${value / 1000}`],
    )
    if (shares.length === 0) return key.base === null ? 'nothing' : `${nameOf(key.base)} as it is`
    return `${shares.join(', ')}${d === undefined ? '' : `, ${d[group]}% kept`}`
  })
  const method = m.replaceAll('_', ' ')
  if (new Set(parts).size === 1) return `${method}: ${parts[0]}`
  return `${method}: ${parts.map((text, group) => `${groupNames(key)[group]}: ${text}`).join('; ')}`
}

export function codecName({ codec, params }) {
  const { bits } = params
  return typeof bits === 'number' && !codec.includes(String(bits)) ? `${codec} ${bits} bits` : codec
}

function compressionWords({ c }, key) {
  const counts = new Map()
  for (const [group, digit] of [...c].entries()) {
    const name = codecName(key.choices[Number.parseInt(digit, 36)])
    counts.set(name, (counts.get(name) ?? 0) + (key.weights[group]?.length ?? 1))
  }
  return [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([name, weights]) => `${name} for ${counted(weights, 'matrix', 'matrices')}`)
    .join(', ')
}

/** Steps that are told; more would not be read. */
const TOLD_STEPS = 4

function perturbationWords({ p }) {
  if (p.length === 0) return 'the model as it is'
  const largest = [...p].sort((a, b) => Math.abs(b[1]) - Math.abs(a[1])).slice(0, TOLD_STEPS)
  const told = largest.map(([direction, step]) => `${percent(step / 1000)} along direction ${direction}`)
  return `steps of ${told.join(', ')}${p.length > TOLD_STEPS ? ` and ${p.length - TOLD_STEPS} smaller ones` : ''}`
}

const agentWords = ({ w, f, c }) =>
  `vectors weigh ${w}%, ${counted(c, 'passage')} put up${f === 1 ? ', the question is expanded' : ''}`

const WORDS = {
  merge: mergeWords,
  compression: compressionWords,
  perturbation: perturbationWords,
  agent: agentWords,
}

/**
 * @param {string} kind of the workload @param {Record<string, any>} key `genomeKey` of the report
 * @param {Record<string, any>} genome @param {(cid: string) => string} nameOf of a model
 */
export function genomeWords(kind, key, genome, nameOf) {
  const words = WORDS[kind]
  return words === undefined ? JSON.stringify(genome) : words(genome, key, nameOf)
}
