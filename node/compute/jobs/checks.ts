/** Checks candidate results: what is compared with what, and whose word decides when peers disagree. */
import { toVillageError, VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { Log } from '../../log.ts'
import type { TaskContext, TaskKind, TaskOutput } from '../tasks/task.ts'
import type { Candidate } from './job-tasks.ts'
import type { Verdict } from './scheduler-state.ts'
import type { TrustBook } from './trust-book.ts'

interface CheckInit extends CheckRequest {
  readonly context: TaskContext
  readonly ownPeer: string
  readonly isGuest: (peer: string) => boolean
  readonly random: () => number
  readonly log: Log
}

export interface CheckRequest {
  readonly kind: TaskKind
  readonly params: JsonObject
  readonly depth: 'spot' | 'full' | 'compare'
  readonly candidates: readonly Candidate[]
  /** Reads a candidate's output. */
  readonly output: (lease: number) => Promise<TaskOutput>
}

export interface CheckOutcome {
  readonly verdicts: readonly Verdict[]
  /** True when all of an accepted result was checked here. */
  readonly exact: boolean
  /** Why this node could not check, when it could not. */
  readonly problem: VillageError | null
}

export interface Checker {
  /** Never throws: what this node could not check is `unchecked`, and the reason is in `problem`. */
  check(request: CheckRequest): Promise<CheckOutcome>
  /** What is looked at before a result is taken on a peer's word. Throws RESULT_INVALID. */
  inspect(kind: TaskKind, params: JsonObject, output: TaskOutput): Promise<void>
}

export function createChecker(
  components: Pick<TaskContext, 'artifacts' | 'pool' | 'log'> & { trust: Pick<TrustBook, 'isGuest'> },
  init: Pick<TaskContext, 'modelsDirectory' | 'signal' | 'known'> & { ownPeer: string; random: () => number },
): Checker {
  const { artifacts, pool, log } = components
  const { isGuest } = components.trust
  const { modelsDirectory, signal, known, ownPeer, random } = init
  const progress = () => undefined
  const context: TaskContext = { artifacts, pool, modelsDirectory, signal, progress, known, log }
  return {
    check: (request) =>
      checkCandidates({ ...request, context, ownPeer, isGuest, random, log }).catch((error: unknown) => ({
        verdicts: request.candidates.map(({ lease }) => ({ lease, verdict: 'unchecked' })),
        exact: false,
        problem: toVillageError(error),
      })),
    inspect: (kind, params, output) => kind.inspect(params, output, context),
  }
}

/**
 * One result by itself is verified by its kind. Results side by side: this node's own result decides, or where it says nothing
 * of another that other is verified whole. Without one, results that
 * all agree stand when a trusted peer's is among them; several strangers may be one person, so a sample of theirs is looked
 * at as well. When they do not agree, each is verified whole.
 */
async function checkCandidates(init: CheckInit): Promise<CheckOutcome> {
  const { candidates, kind } = init
  if (init.depth !== 'compare') return verifyEach(init, init.depth)
  const outputs = await Promise.all(candidates.map((candidate) => init.output(candidate.lease)))
  const own = candidates.findIndex((candidate) => candidate.peer === init.ownPeer)
  if (own >= 0) {
    // The own result first, so that it is the one that is kept.
    const ordered = [candidates[own]!, ...candidates.filter((_, index) => index !== own)]
    const verdicts: Verdict[] = []
    for (const candidate of ordered) {
      const { lease } = candidate
      const isOwn = candidate === candidates[own]
      const agrees = isOwn || kind.agree(outputs[own]!, outputs[candidates.indexOf(candidate)]!)
      verdicts.push(
        agrees === null
          ? await verifyBeside(init, candidate)
          : { lease, verdict: agrees ? 'valid' : 'invalid' },
      )
    }
    return { verdicts, exact: true, problem: null }
  }
  const agree = outputs.every((output, index) =>
    outputs.slice(0, index).every((other) => kind.agree(output, other) === true),
  )
  // Guests come under as many names as they like: any number of them is one opinion.
  const allGuests = candidates.every(({ peer }) => init.isGuest(peer))
  if (!agree || allGuests) return verifyEach(init, 'full')
  const stands: CheckOutcome = {
    verdicts: candidates.map(({ lease }) => ({ lease, verdict: 'valid' })),
    exact: false,
    problem: null,
  }
  if (candidates.some(({ check }) => check === 'none')) return stands
  const sample = await verifyEach({ ...init, candidates: candidates.slice(0, 1) }, 'spot')
  // Results agree within a tolerance: one that is wrong proves nothing of the other. A node that cannot look itself
  // has nothing but their agreement.
  return sample.verdicts[0]?.verdict === 'invalid' ? verifyEach(init, 'full') : stands
}

/** A result that may be as right as the own one; that one is there, so that nothing hangs on a check that fails. */
async function verifyBeside(init: CheckInit, candidate: Candidate): Promise<Verdict> {
  const { verdicts } = await verifyEach({ ...init, candidates: [candidate] }, 'full')
  const verdict = verdicts[0]!.verdict
  return { lease: candidate.lease, verdict: verdict === 'unchecked' ? 'undecided' : verdict }
}

async function verifyEach(init: CheckInit, depth: 'spot' | 'full'): Promise<CheckOutcome> {
  const verdicts: Verdict[] = []
  let exact = true
  let problem: VillageError | null = null
  for (const { lease, peer } of init.candidates) {
    try {
      const output = await init.output(lease)
      const checked = await init.kind.verify(init.params, output, init.context, depth, init.random)
      exact &&= checked.exact
      verdicts.push({ lease, verdict: 'valid' })
    } catch (error) {
      const failure = toVillageError(error)
      const invalid = failure instanceof VillageError && failure.code === 'RESULT_INVALID'
      if (!invalid) problem = failure
      verdicts.push({ lease, verdict: invalid ? 'invalid' : 'unchecked' })
      init.log.warn({ err: failure, peer, kind: init.kind.kind }, 'result not accepted')
    }
  }
  return { verdicts, exact, problem }
}
