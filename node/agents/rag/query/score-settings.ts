/**
 * How well settings of search do on judged queries: what evolution asks of this domain (federated/workloads). A folder is indexed once
 * and stays so while it is asked about.
 */
import type { SearchScoring } from '../../../federated/workloads/workload.ts'
import type { OpenJudgedFolder, SearchEvaluations } from './search-evaluations.ts'

export interface SettingsScoring extends SearchScoring {
  /** Removes the index that is open. */
  close(): Promise<void>
}

const IDLE_MS = 60_000

/** One folder at a time: candidates of one run share it. */
export function createSettingsScoring(
  components: { evaluations: Pick<SearchEvaluations, 'openFolder'> },
  init: { readonly idleMs?: number } = {},
): SettingsScoring {
  let open: { folder: string; opened: Promise<OpenJudgedFolder> } | null = null
  let users = 0
  let idle: NodeJS.Timeout | undefined
  /** One change at a time: an index is never dropped under a search. */
  let turn: Promise<unknown> = Promise.resolve()

  async function shut(): Promise<void> {
    const last = open
    open = null
    // One that never opened has nothing to remove.
    await last?.opened.then(
      (one) => one.close(),
      () => {},
    )
  }

  function exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = turn.then(work)
    turn = result.catch(() => {
      // The caller has the failure.
    })
    return result
  }

  async function opened(folder: string, signal: AbortSignal): Promise<OpenJudgedFolder> {
    if (open?.folder !== folder) {
      await shut()
      open = { folder, opened: components.evaluations.openFolder(folder, { vectors: true }, signal) }
    }
    try {
      return await open.opened
    } catch (error) {
      open = null
      throw error
    }
  }

  return {
    score: (folder, { weight, feedback, candidates }, queries, signal) => {
      clearTimeout(idle)
      users += 1
      return exclusive(async () => {
        signal.throwIfAborted()
        const judged = await opened(folder, signal)
        const choice = { ranker: 'hybrid' as const, weight, feedback, candidates }
        const report = await judged.measure(choice, signal, queries)
        return Float32Array.from(report.queries, ({ ndcg }) => ndcg)
      }).finally(() => {
        users -= 1
        if (users > 0) return
        idle = setTimeout(() => void exclusive(shut), init.idleMs ?? IDLE_MS)
        idle.unref()
      })
    },
    close() {
      clearTimeout(idle)
      return exclusive(shut)
    },
  }
}
