/** JSON Schemas of self-evolution (node/federated/self-evolution/self-evolution-view.ts). */
import { amount, anyText, flag, integer, listOf, object, oneOf, orNull } from './schemas.ts'

const TARGET = object({ kind: oneOf('collection', 'model'), name: anyText })
const BUDGET = object({
  evaluations: orNull(integer()),
  durationMs: orNull(amount),
  joules: orNull(amount),
})
const COMPARISON = object({
  items: integer(),
  difference: object({ value: amount, low: amount, high: amount }),
  better: integer(),
  equal: integer(),
  worse: integer(),
  test: oneOf('mcnemar', 'sign-flip'),
  p: amount,
})
const ENTRY = object({
  atMs: amount,
  event: oneOf('adopted', 'kept', 'stopped', 'failed', 'rolled-back', 'resumed', 'found'),
  reason: anyText,
  run: orNull(anyText),
  version: orNull(integer(1)),
  look: orNull(object({ number: integer(1), alpha: amount, comparison: COMPARISON })),
})
const GOAL = object({
  goal: anyText,
  target: TARGET,
  state: oneOf('waiting', 'running', 'paused', 'removed'),
  everyMs: orNull(amount),
  nextAtMs: orNull(amount),
  run: orNull(anyText),
  left: orNull(BUDGET),
  present: orNull(integer(1)),
  versions: integer(),
  looks: integer(),
  adoptions: integer(),
  failures: integer(),
  last: orNull(ENTRY),
})
const SETTINGS = object({ weight: amount, feedback: flag, candidates: orNull(integer(1)) })
const VERSION = object({
  version: integer(1),
  atMs: amount,
  by: oneOf('found', 'adopted'),
  run: orNull(anyText),
  isPresent: flag,
  cid: orNull(anyText),
  settings: orNull(SETTINGS),
})

export const SELF_EVOLUTION = object({
  enabled: flag,
  goalsFile: orNull(anyText),
  accepting: flag,
  budget: BUDGET,
  spent: object({ evaluations: integer(), durationMs: amount, joules: amount }),
  goals: listOf(GOAL),
})
export const GOAL_HISTORY = object({
  goal: anyText,
  target: TARGET,
  paused: flag,
  versions: listOf(VERSION),
  history: listOf(ENTRY),
})
