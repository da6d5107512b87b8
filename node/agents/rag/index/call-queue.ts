/**
 * Which call a thread of the indexes gets next: those of this node in the order in which they were made; where none waits, a few
 * of peers, the peer first that has the fewest at work and was served the longest ago, so that nobody gets ahead by asking more.
 */

export interface QueuedCall {
  /** Null: this node itself. */
  readonly peer: string | null
}

/** The thread has its next call at hand while it works; what waits here can still be taken back. */
const MOST_OWN = 2
/** At work at once, by turns: one that takes long does not keep others waiting. */
const MOST_FOREIGN = 4
/** Of them, so that another peer finds a place. */
const MOST_OF_A_PEER = 2

export interface CallQueue<Call extends QueuedCall> {
  /** That wait. */
  readonly size: number
  add(call: Call): void
  /** Whether it was waiting still. */
  remove(call: Call): boolean
  /** The call that the thread should get now, which counts as at work until `end`; null: none. */
  next(): Call | null
  end(call: Call): void
  takeAll(): Call[]
}

export function createCallQueue<Call extends QueuedCall>(): CallQueue<Call> {
  const own: Call[] = []
  const foreign: Call[] = []
  const working = new Set<Call>()
  /** Peers that have calls here, the one that was served last at the end. */
  const served = new Set<string>()

  const countOf = (peer: string | null): number => {
    let count = 0
    for (const call of working) if (call.peer === peer) count++
    return count
  }

  function forget(peer: string | null): void {
    if (peer !== null && countOf(peer) === 0 && !foreign.some((call) => call.peer === peer))
      served.delete(peer)
  }

  function nextForeign(): Call | null {
    const order = [...served]
    let best = -1
    let bestRank = Number.POSITIVE_INFINITY
    const seen = new Set<string | null>()
    for (const [at, { peer }] of foreign.entries()) {
      if (seen.has(peer)) continue
      seen.add(peer)
      const atWork = countOf(peer)
      if (atWork >= MOST_OF_A_PEER) continue
      const rank = atWork * (order.length + 1) + order.indexOf(peer ?? '') + 1
      if (rank >= bestRank) continue
      bestRank = rank
      best = at
    }
    return best < 0 ? null : foreign.splice(best, 1)[0]!
  }

  function start(call: Call): Call {
    working.add(call)
    if (call.peer !== null) {
      served.delete(call.peer)
      served.add(call.peer)
    }
    return call
  }

  return {
    get size() {
      return own.length + foreign.length
    },
    add(call) {
      if (call.peer === null) own.push(call)
      else foreign.push(call)
    },
    remove(call) {
      const queue = call.peer === null ? own : foreign
      const at = queue.indexOf(call)
      if (at < 0) return false
      queue.splice(at, 1)
      forget(call.peer)
      return true
    },
    next() {
      const ofOwn = countOf(null)
      if (own.length > 0) return ofOwn < MOST_OWN ? start(own.shift()!) : null
      if (working.size - ofOwn >= MOST_FOREIGN) return null
      const call = nextForeign()
      return call === null ? null : start(call)
    },
    end(call) {
      working.delete(call)
      forget(call.peer)
    },
    takeAll: () => [...own.splice(0), ...foreign.splice(0)],
  }
}
