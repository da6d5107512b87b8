/**
 * Who is asked for what is missing of a run, and when: one peer at a time for each run, a short turn each, so that one that gives nothing holds nobody
 * up; and few runs at a time from each peer, so that one that names thousands costs little.
 */
export interface RunFetches {
  /** The peer seems to have more of the run, up to `height` as it says (0: it has not said). Dropped where it names too much. */
  soon(run: string, peer: string, height: number): void
  stop(): Promise<void>
}

interface Asked {
  readonly peer: string
  readonly height: number
}

export interface RunFetchesInit {
  /** Asks the peer until the signal ends it; true where it gave something that was missing. It reports failures itself, and never throws. */
  readonly fetch: (run: string, asked: Asked, signal: AbortSignal) => Promise<boolean>
  /** Looked at before every turn. */
  readonly mayAsk: (run: string, asked: Asked) => boolean
  readonly now: () => number
  readonly turnMs?: number
}

/** Long enough for several pages over a slow link; who gave something gets another turn after the others. */
const TURN_MS = 30_000
/** Who gave nothing of a run and took longer than this for it is not asked again for so many times as long. */
const QUICK_MS = 1_000
const SET_ASIDE = 10
const MAX_SET_ASIDE = 1_024
/** A peer lets few streams be open at once, and one is for what is said. */
const MAX_BY_PEER = 2
/** Peers that wait for their turn with a run. */
const MAX_PEERS = 16
/** Runs of one peer that wait: those that it named first. Its next tips name the rest again. */
const MAX_RUNS_BY_PEER = 256

export function createRunFetches(init: RunFetchesInit): RunFetches {
  const { fetch, mayAsk, now, turnMs = TURN_MS } = init
  const abort = new AbortController()
  /** By run, the peers to be asked, in their order. */
  const waiting = new Map<string, readonly Asked[]>()
  const busy = new Map<string, { readonly peer: string; readonly work: Promise<void> }>()
  const waitingRuns = new Map<string, number>()
  /** By run and peer, until when. */
  const asideUntilMs = new Map<string, number>()

  const keyOf = (run: string, peer: string) => `${run} ${peer}`
  const busyWith = (peer: string) => [...busy.values()].filter((turn) => turn.peer === peer).length

  function isAside(run: string, peer: string): boolean {
    const key = keyOf(run, peer)
    const untilMs = asideUntilMs.get(key)
    if (untilMs !== undefined && untilMs <= now()) asideUntilMs.delete(key)
    return asideUntilMs.has(key)
  }

  function setAside(run: string, peer: string, tookMs: number): void {
    if (tookMs < QUICK_MS) return
    if (asideUntilMs.size >= MAX_SET_ASIDE) asideUntilMs.delete(asideUntilMs.keys().next().value!)
    asideUntilMs.set(keyOf(run, peer), now() + SET_ASIDE * tookMs)
  }

  function add(run: string, asked: Asked): void {
    const { peer } = asked
    const peers = waiting.get(run) ?? []
    if (peers.some((one) => one.peer === peer)) {
      // Its place stays; what it says that it has is the newest.
      waiting.set(
        run,
        peers.map((one) => (one.peer === peer ? asked : one)),
      )
      return
    }
    const runs = waitingRuns.get(peer) ?? 0
    if (peers.length >= MAX_PEERS || runs >= MAX_RUNS_BY_PEER) return
    waiting.set(run, [...peers, asked])
    waitingRuns.set(peer, runs + 1)
  }

  function remove(run: string, { peer }: Asked): void {
    const left = waiting.get(run)!.filter((one) => one.peer !== peer)
    if (left.length > 0) waiting.set(run, left)
    else waiting.delete(run)
    const runs = waitingRuns.get(peer)! - 1
    if (runs > 0) waitingRuns.set(peer, runs)
    else waitingRuns.delete(peer)
  }

  async function turn(run: string, asked: Asked): Promise<void> {
    const late = new AbortController()
    const beganMs = now()
    const timer = setTimeout(() => late.abort(new Error('the turn of the peer is over')), turnMs)
    const gain = await fetch(run, asked, AbortSignal.any([abort.signal, late.signal]))
    clearTimeout(timer)
    if (!gain) setAside(run, asked.peer, now() - beganMs)
    else if (late.signal.aborted) add(run, asked) // there may be more than fits into a turn
  }

  function begin(run: string): void {
    for (const asked of busy.has(run) ? [] : (waiting.get(run) ?? [])) {
      if (busyWith(asked.peer) >= MAX_BY_PEER) continue
      remove(run, asked)
      if (isAside(run, asked.peer) || !mayAsk(run, asked)) continue
      const work = turn(run, asked).finally(() => {
        busy.delete(run)
        if (!abort.signal.aborted) for (const next of [...waiting.keys()]) begin(next)
      })
      busy.set(run, { peer: asked.peer, work })
      return
    }
  }

  return {
    soon(run, peer, height) {
      const asked = { peer, height }
      if (abort.signal.aborted || isAside(run, peer) || !mayAsk(run, asked)) return
      add(run, asked)
      begin(run)
    },
    async stop() {
      abort.abort(new Error('the node is stopping'))
      waiting.clear()
      await Promise.allSettled([...busy.values()].map(({ work }) => work))
    },
  }
}
