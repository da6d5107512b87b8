/** A run on paper: the state machine fed with blocks that a test makes, without consensus, network or clock. */
import { createHash } from 'node:crypto'
import { STRATEGIES } from '../../node/federated/evolve/table.ts'
import type { Statement } from '../../node/federated/ledger/statement.ts'
import { scoreDigest } from '../../node/federated/ledger/statement-codec.ts'
import { admissible, applyBlock, startState } from '../../node/federated/rounds/apply-block.ts'
import { dutyOf } from '../../node/federated/rounds/duties.ts'
import type { RunRules } from '../../node/federated/rounds/run-rules.ts'
import type { RunSpec } from '../../node/federated/rounds/run-spec.ts'
import type { RunState } from '../../node/federated/rounds/run-state.ts'
import { parseRunSpec } from '../../node/federated/rounds/spec-check.ts'
import { packScores, quantise } from '../../node/federated/scoring/quantise.ts'
import { toyScores, toyWorkload } from './toy-workload.ts'
import { peerNamed } from './village.ts'

export const RUN = '00112233445566778899aabbccddeeff'

export function toySpec(change: Record<string, unknown> = {}): RunSpec {
  return parseRunSpec({
    name: 'toy',
    workload: { kind: 'toy', options: { items: 24 } },
    strategy: { name: 'tournament', options: {} },
    population: 6,
    limits: { generations: 3 },
    scorers: 2,
    deadlines: { proposeMs: 1_000, commitMs: 1_000, revealMs: 1_000, buildMs: 1_000 },
    ...change,
  })
}

export function toyRules(spec: RunSpec): RunRules {
  const workload = toyWorkload()
  const strategy = STRATEGIES[spec.strategy.name]!
  return {
    run: RUN,
    spec: { ...spec, strategy: { ...spec.strategy, options: strategy.parseOptions(spec.strategy.options) } },
    space: workload.space(spec.workload.options),
    workload,
    strategy,
  }
}

export interface PaperRun {
  readonly rules: RunRules
  state: RunState
  timeMs: number
  readonly scorings: Map<string, number>
  /** One block, `afterMs` later. */
  block(statements: readonly Statement[], afterMs?: number): RunState
  /** What `peer` would say now, or null. */
  say(peer: string, change?: (scores: Float32Array, slot: number) => Float32Array): Statement | null
  /** Blocks until the run is over or `isDone`; every peer does what it owes but those named. */
  play(init?: {
    silent?: readonly string[]
    liars?: Readonly<Record<string, (scores: Float32Array, slot: number) => Float32Array>>
    /** What is said in place of what would be. */
    alter?: (statement: Statement) => Statement
    isDone?: (state: RunState) => boolean
  }): RunState
}

export const peersNamed = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => peerNamed(`member ${index}`))

export const joinOf = (author: string, sequence = 1): Statement => ({
  kind: 'join',
  author,
  sequence,
  cores: 2,
  memoryBytes: 2 ** 30,
  software: '0.1.0',
})

export function paperRun(spec: RunSpec, announcer = peerNamed('member 0')): PaperRun {
  const rules = toyRules(spec)
  const started = startState(rules, { announcer, timeMs: 1_000, hash: 'aa'.repeat(32) })
  const nonce = Buffer.alloc(16, 7)
  const run: PaperRun = {
    rules,
    state: started,
    timeMs: 1_000,
    scorings: new Map(),
    block(statements, afterMs = 10) {
      const { state } = run
      const timeMs = run.timeMs + afterMs
      const hash = createHash('sha256').update(`${state.tip} ${timeMs} ${statements.length}`).digest('hex')
      run.state = applyBlock(rules, state, {
        height: state.height + 1,
        parent: state.tip,
        timeMs,
        hash,
        statements: statements.map((statement) => ({ statement })),
      })
      run.timeMs = timeMs
      return run.state
    },
    say(author, change = (scores) => scores) {
      const duty = dutyOf(run.state, author)
      if (duty === null) return null
      const items = Number(spec.workload.options.items)
      const valuesOf = (genome: (typeof run.state.slots)[number]['genome'], slot: number) => {
        const { split } = run.state.scoring!
        return packScores(quantise(change(toyScores(genome, split, items), slot), 8), 8)
      }
      switch (duty.kind) {
        case 'propose':
          return { kind: 'propose', author, generation: duty.generation, entries: [] }
        case 'commit':
          return {
            kind: 'commit',
            author,
            generation: duty.generation,
            stage: duty.stage,
            entries: duty.slots.map(({ slot, genome, hash }) => {
              const key = `${author} ${duty.split} ${hash}`
              run.scorings.set(key, (run.scorings.get(key) ?? 0) + 1)
              const values = valuesOf(genome, slot)
              const { generation } = duty
              return {
                slot,
                digest: scoreDigest({ run: RUN, scorer: author, generation, slot, nonce, values }),
              }
            }),
          }
        case 'reveal':
          return {
            kind: 'reveal',
            author,
            generation: duty.generation,
            stage: duty.stage,
            entries: duty.slots.map(({ slot, genome }) => ({
              slot,
              nonce,
              values: valuesOf(genome, slot),
              joules: 0.5,
              busyMs: 2,
            })),
          }
        case 'build':
          return { kind: 'built', author, cid: `cid of ${duty.id}` }
      }
    },
    play({
      silent = [],
      liars = {},
      alter = (statement: Statement) => statement,
      isDone = () => false,
    } = {}) {
      while (!['published', 'ended'].includes(run.state.phase) && !isDone(run.state)) {
        const said = Object.keys(run.state.participants)
          .filter((peer) => !silent.includes(peer))
          .flatMap((peer) => run.say(peer, liars[peer]) ?? [])
          .map(alter)
        const { taken } = admissible(
          rules,
          run.state,
          said.map((statement) => ({ statement })),
          run.timeMs + 10,
        )
        const isDue = taken.length === 0
        // Nobody is left: it waits for somebody to join.
        if (isDue && run.state.phase === 'announced') break
        run.block(
          taken.map(({ statement }) => statement),
          isDue ? Math.max(1, (run.state.deadlineMs ?? run.timeMs) - run.timeMs) : 10,
        )
      }
      return run.state
    },
  }
  return run
}
