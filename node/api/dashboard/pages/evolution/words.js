/** How runs, comparisons and reasons are told to people. Pure. */
import { count, counted, duration } from '../../parts/format.js'

export const score = (value) => (value === null || value === undefined ? '–' : value.toFixed(4))
export const signed = (value) => `${value >= 0 ? '+' : '−'}${Math.abs(value).toFixed(4)}`
export const interval = (found) =>
  found === null ? '–' : `${score(found.value)} (${score(found.low)} to ${score(found.high)})`
export const chance = (p) => (p < 0.0001 ? 'below 0.0001' : p.toFixed(4))

export const isOver = ({ phase }) => phase === 'published' || phase === 'ended'

const PHASES = {
  announced: 'waiting for members',
  proposing: 'making candidates',
  commit: 'scoring',
  reveal: 'showing scores',
  merging: 'building the winner',
  published: 'published',
  ended: 'ended',
}
const ENDS = {
  stopped: 'it was stopped',
  'no-scores': 'nobody could score any candidate',
  'no-gain': 'no candidate was better than what there was before',
  'build-disagreement': 'the members that built the winner do not agree on what it is',
}
const LIMITS = {
  generations: (reached) => `all ${counted(reached, 'generation')} are done`,
  evaluations: (reached) => `${counted(reached, 'candidate was', 'candidates were')} scored`,
  duration: (reached) => `its time of ${duration(reached)} was up`,
  energy: (reached) => `its energy of ${count(Math.round(reached))} J was spent`,
  plateau: (reached) => `${counted(reached, 'generation')} brought nothing better`,
}

/** Where a run is, in a word or two. */
export function phaseWords({ phase, isPaused, split }) {
  if (isPaused) return 'paused'
  const words = PHASES[phase] ?? phase
  if (phase === 'published' || phase === 'ended') return words
  if (split === 'validation') return `checking the finalists, ${words}`
  return split === 'final' ? `last comparison, ${words}` : words
}

/** Why a run ended, as a sentence; null while it goes on. */
export function endWords({ phase, endReason, stopped }) {
  const limit = stopped === null || stopped === undefined ? null : LIMITS[stopped.limit]?.(stopped.reached)
  if (phase === 'published')
    return limit === null ? 'It ended with a winner.' : `It ended with a winner when ${limit}.`
  if (phase !== 'ended') return null
  const why = ENDS[endReason ?? ''] ?? endReason ?? 'no reason is given'
  return `It ended without a winner: ${why}${limit ? ` (${limit})` : ''}.`
}

/** A class of `.state` for a phase. */
export const phaseTone = ({ phase, isPaused }) =>
  phase === 'published' ? 'done' : phase === 'ended' || isPaused ? '' : 'running'

/** What the last comparison has shown. */
export function verdictWords({ beatsAllSeeds, beaten, seeds, comparisons, rows }) {
  if (comparisons.length === 0) return 'Nobody could score the winner on the last items.'
  if (beatsAllSeeds === true) return `The winner beats every seed (${seeds}).`
  const left = comparisons
    .filter(({ verdict }) => verdict !== 'better')
    .map(({ seed, verdict }) => {
      const name = rows.find(({ id }) => id === seed)?.name ?? seed
      return verdict === 'worse' ? `${name} (which is better)` : name
    })
  const open = left.length === 0 ? '' : ` It cannot be told from ${left.join(', ')}.`
  const unknown = seeds - comparisons.length
  return `The winner beats ${beaten} of ${counted(seeds, 'seed')}.${open}${unknown === 0 ? '' : ` Of ${unknown} nothing is known: nobody could score them.`}`
}

export const testWords = ([first]) =>
  first?.test === 'mcnemar' ? 'McNemar’s exact test' : 'a sign-flip test'

/** Reasons of self-evolution's history. */
const REASONS = {
  better: 'it is better',
  'not-told-apart': 'it may be chance',
  'no-gain': 'nothing better was found',
  changed: 'the target was changed meanwhile',
  'not-scored': 'nobody scored the last items',
  'no-scores': 'no candidate could be scored',
  'build-disagreement': 'members built different models',
  'not-wanted': 'it was not wanted any more',
  interrupted: 'it was cut off before it began',
  'run-lost': 'its ledger is not here any more',
  first: 'as it was at first',
  command: 'by hand',
}
export const reasonWords = ({ event, reason }) =>
  event === 'found' && reason === 'changed' ? 'somebody has changed it' : (REASONS[reason] ?? reason)

export const wattHours = (joules) =>
  joules < 3_600 ? `${count(Math.round(joules))} J` : `${(joules / 3_600).toFixed(2)} Wh`
