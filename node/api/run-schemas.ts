/** JSON Schemas of runs of evolution and their ledgers (node/federated/rounds/run-view.ts, block-view.ts). */
import { RUN_ACTIONS } from '../federated/rounds/rounds.ts'
import { amount, anyObject, anyText, flag, integer, listOf, object, oneOf, orNull } from './schemas.ts'

const PARTICIPANT = object({
  peer: anyText,
  gone: orNull(oneOf('left', 'away', 'lied')),
  isVoter: flag,
  missed: integer(),
  believed: integer(),
  doubted: integer(),
  joules: amount,
  busyMs: amount,
})

const SLOT = object({
  slot: integer(),
  id: anyText,
  by: anyText,
  proposer: anyText,
  same: orNull(anyText),
  scorers: integer(),
  committed: integer(),
  revealed: integer(),
})

export const RUN = object({
  run: anyText,
  name: anyText,
  announcer: anyText,
  workload: anyText,
  strategy: anyText,
  phase: oneOf('announced', 'proposing', 'commit', 'reveal', 'merging', 'published', 'ended'),
  isPaused: flag,
  generation: integer(),
  generations: integer(),
  split: orNull(anyText),
  stage: orNull(integer()),
  height: integer(),
  tip: anyText,
  announcedAtMs: amount,
  startedAtMs: orNull(amount),
  endedAtMs: orNull(amount),
  deadlineMs: orNull(amount),
  takesPart: flag,
  coordinator: orNull(anyText),
  committee: listOf(anyText),
  participants: listOf(PARTICIPANT),
  owed: { type: 'object', additionalProperties: integer() },
  slots: listOf(SLOT),
  evaluations: integer(),
  joules: amount,
  best: orNull(object({ id: anyText, mean: amount, generation: integer() })),
  stopReason: orNull(anyText),
  endReason: orNull(anyText),
  lies: listOf(
    object({
      peer: anyText,
      generation: integer(),
      kind: oneOf('scores', 'equivocation'),
      slots: listOf(integer()),
      items: integer(),
    }),
  ),
  result: orNull(object({ id: anyText, genome: anyObject, cid: orNull(anyText), builders: listOf(anyText) })),
  traffic: { type: 'object', additionalProperties: object({ inBytes: integer(), outBytes: integer() }) },
})

export const RUN_ACTION = oneOf(...RUN_ACTIONS)

export const BLOCK = object({
  height: integer(),
  hash: anyText,
  parent: anyText,
  timeMs: amount,
  proposer: anyText,
  view: integer(),
  certifiedView: integer(),
  votes: integer(),
  sizeBytes: integer(),
  statements: listOf(object({ kind: anyText, author: anyText, about: anyText })),
})

/** What verifying a ledger has shown: of a whole one its end, else the block that fails and why. */
export const VERDICT = {
  anyOf: [
    object({
      ok: { type: 'boolean', const: true },
      run: anyText,
      announcer: anyText,
      height: integer(),
      hash: anyText,
      timeMs: amount,
      statements: integer(),
      sizeBytes: integer(),
    }),
    object({ ok: { type: 'boolean', const: false }, code: anyText, height: integer(), reason: anyText }),
  ],
}
