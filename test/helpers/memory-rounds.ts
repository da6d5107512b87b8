/** Runs in memory: the real state machine of a toy run, fed by hand (paper-run.ts); its ledger is a real one of a single member. */
import type { ApiComponents } from '../../node/api/components.ts'
import { VillageError } from '../../node/errors.ts'
import { describeRun } from '../../node/federated/evolve/describe-run.ts'
import { evolveReport, reportInput } from '../../node/federated/evolve/report.ts'
import { STRATEGIES } from '../../node/federated/evolve/table.ts'
import {
  type Announcement,
  checkAnnouncement,
  signAnnouncement,
} from '../../node/federated/ledger/announcement.ts'
import { decodeArchive, encodeArchive } from '../../node/federated/ledger/archive.ts'
import { type CertifiedBlock, createBlock } from '../../node/federated/ledger/block.ts'
import { signStatement } from '../../node/federated/ledger/statement-codec.ts'
import { encodeCertificate, signVote } from '../../node/federated/ledger/vote.ts'
import { applyBlock, startState } from '../../node/federated/rounds/apply-block.ts'
import { blockView } from '../../node/federated/rounds/block-view.ts'
import { checkLedger } from '../../node/federated/rounds/ledger-check.ts'
import { runCost } from '../../node/federated/rounds/run-cost.ts'
import { openRun, rulesOf, runMachine } from '../../node/federated/rounds/run-opening.ts'
import type { RunRules } from '../../node/federated/rounds/run-rules.ts'
import { isOver, type RunState } from '../../node/federated/rounds/run-state.ts'
import { viewOf } from '../../node/federated/rounds/run-view.ts'
import { parseRunSpec } from '../../node/federated/rounds/spec-check.ts'
import { joinOf } from './paper-run.ts'
import { toyWorkload } from './toy-workload.ts'
import { peerNamed, signerOf } from './village.ts'

const NAME = 'member 0'
const SELF = peerNamed(NAME)
const TABLES = { workloads: { toy: toyWorkload() }, strategies: STRATEGIES }

interface MemoryRun {
  readonly announcement: Announcement
  readonly rules: RunRules
  readonly blocks: CertifiedBlock[]
  state: RunState
}

/** One member that decides alone: its certificates are real. */
function append(run: MemoryRun, statements: Parameters<typeof signStatement>[2][]): void {
  const { state, announcement } = run
  const signer = signerOf(NAME)
  const block = createBlock({
    run: announcement.run,
    height: state.height + 1,
    parent: state.tip,
    timeMs: state.timeMs + 10,
    proposer: SELF,
    view: 0,
    statements: statements.map((statement) => signStatement(signer, announcement.run, statement)),
  })
  const vote = {
    height: block.height,
    view: 0,
    step: 'precommit',
    hash: block.hash,
    validView: null,
  } as const
  const { signature } = signVote(signer, announcement.run, vote)
  run.state = applyBlock(run.rules, state, block)
  run.blocks.push({ block, certificate: { view: 0, votes: [{ voter: 0, signature }] } })
}

export function memoryRounds(): ApiComponents['rounds'] {
  const runs = new Map<string, MemoryRun>()
  const need = (id: string) => {
    const run = runs.get(id)
    if (run === undefined) throw new VillageError('RUN_UNKNOWN')
    return run
  }
  const needRunning = (id: string) => {
    const run = need(id)
    if (isOver(run.state)) throw new VillageError('RUN_OVER')
    return run
  }
  const view = ({ announcement, state }: MemoryRun) =>
    viewOf(
      { announcement, state: () => state, coordinator: () => SELF },
      { self: SELF, traffic: { [peerNamed('member 1')]: { inBytes: 10, outBytes: 20 } } },
    )
  const archive = ({ announcement, blocks }: MemoryRun) => ({
    announcement: announcement.bytes,
    blocks: blocks.map(({ block, certificate }) => ({
      block: block.bytes,
      certificate: encodeCertificate(certificate),
    })),
  })
  return {
    async plan(spec, isMeasured) {
      const run = rulesOf(TABLES, '', parseRunSpec(spec))
      const measured = { candidate: 'seed 0', candidateMs: 1_500, isAtLeast: false }
      return { ...describeRun(run), cost: isMeasured ? runCost(run.rules, measured) : null }
    },
    async announce(given) {
      const spec = parseRunSpec(given)
      const announcement = signAnnouncement(signerOf(NAME), {
        village: 'toy',
        timeMs: 1_000 + runs.size,
        spec,
      })
      const { rules } = openRun(TABLES, announcement)
      const run = { announcement, rules, blocks: [], state: startState(rules, announcement) }
      runs.set(announcement.run, run)
      append(run, [joinOf(SELF)])
      return view(run)
    },
    list: () => [...runs.values()].map(view),
    view: (id) => view(need(id)),
    details(id) {
      const { rules, state } = need(id)
      return { rules, state, traffic: {} }
    },
    report: async (id) => {
      const { rules, state } = need(id)
      return evolveReport(reportInput(rules, state, {}))
    },
    act(id, action) {
      const run = needRunning(id)
      const sequence = (run.state.sequences[SELF] ?? 0) + 1
      if (action === 'join') append(run, [joinOf(SELF, sequence)])
      else if (action === 'leave') append(run, [{ kind: 'leave', author: SELF, sequence }])
      else append(run, [{ kind: 'control', author: SELF, sequence, action }])
    },
    async remove(id) {
      need(id)
      runs.delete(id)
    },
    suggest(id, genome) {
      const { rules } = needRunning(id)
      rules.workload.checkGenome(rules.spec.workload.options, genome)
    },
    blocks: async (id, from, count) =>
      need(id)
        .blocks.slice(from - 1, from - 1 + count)
        .map(({ block, certificate }) => blockView(block, certificate)),
    exportLedger: async (id) => encodeArchive(archive(need(id))),
    async verify(id) {
      const run = need(id)
      return checkLedger(runMachine(run.rules), archive(run))
    },
    async verifyArchive(bytes) {
      const ledger = decodeArchive(bytes)
      return checkLedger(openRun(TABLES, checkAnnouncement(ledger.announcement)).machine, ledger)
    },
  }
}
