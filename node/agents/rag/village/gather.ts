/**
 * One question to many peers: each part (a segment) is asked of one holder; when that one fails the next is asked at once, and when
 * it is slow the next is asked as well and the first answer counts (hedging: Dean & Barroso, "The Tail at Scale", 2013). What
 * has no answer when the signal aborts is named with a reason. No clock and no network of its own.
 */
import { type ErrorCode, toVillageError } from '../../../errors.ts'

export interface Assignment {
  readonly peer: string
  readonly parts: readonly string[]
}

export interface Reply<T> {
  readonly value: T
  /** Parts that the peer does not answer for. */
  readonly absent: readonly string[]
  /**
   * Parts of which another holder shall be asked as well: this answer counts, but where no other is given the part is named as missing
   * with this code; null: not even that.
   */
  readonly doubted?: ReadonlyMap<string, ErrorCode | null>
}

export interface Gathered<T> {
  /** In the order in which they came; `parts` had no answer before but a doubted one. */
  readonly answers: readonly { readonly peer: string; readonly parts: readonly string[]; readonly value: T }[]
  /** Parts without an answer that is not doubted, and why: the code of the last failure, or of the doubt. */
  readonly missing: ReadonlyMap<string, ErrorCode>
}

export interface GatherInit<T> {
  readonly assignments: readonly Assignment[]
  /** By part: who else can be asked, best first. */
  readonly standby: ReadonlyMap<string, readonly string[]>
  /** Throws where the peer fails; the signal aborts when nobody waits for the answer any more. */
  readonly ask: (assignment: Assignment, signal: AbortSignal) => Promise<Reply<T>>
  /** After this long without an answer of the peer the next one is asked too. */
  readonly hedgeMs: (peer: string) => number
  /** The deadline, or that nobody wants an answer any more. */
  readonly signal: AbortSignal
  /** Calls `work` after a while; returns what stops that. */
  readonly after: (delayMs: number, work: () => void) => () => void
}

interface Part {
  /** Holders not asked yet, best first. */
  readonly next: string[]
  /** Questions under way. */
  asking: number
  isSettled: boolean
  /** Null: it has an answer that will do if there is no other. */
  reason: ErrorCode | null
  isDoubted: boolean
}

export function gather<T>(init: GatherInit<T>): Promise<Gathered<T>> {
  const { assignments, standby, ask, hedgeMs, signal, after } = init
  const parts = new Map<string, Part>()
  const answers: { peer: string; parts: readonly string[]; value: T }[] = []
  const missing = new Map<string, ErrorCode>()
  const timers = new Set<() => void>()
  const done = Promise.withResolvers<Gathered<T>>()
  const over = new AbortController()
  let open = 0

  function finish(): void {
    for (const stop of timers) stop()
    signal.removeEventListener('abort', onAbort)
    over.abort()
    done.resolve({ answers, missing })
  }

  function settle(id: string, part: Part, reason: ErrorCode | null): void {
    part.isSettled = true
    if (reason !== null) missing.set(id, reason)
    open -= 1
  }

  function onAbort(): void {
    // A part whose holders all failed before has a better reason than that the time is over.
    for (const [id, part] of parts) if (!part.isSettled) settle(id, part, part.reason)
    finish()
  }

  const unsettled = (ids: readonly string[]) => ids.filter((id) => parts.get(id)?.isSettled === false)

  /** Asks the next holders for what is left of `ids`. Parts that nobody is asked for any more are missing. */
  function askNext(ids: readonly string[]): void {
    const byPeer = new Map<string, string[]>()
    for (const id of unsettled(ids)) {
      const part = parts.get(id)!
      const peer = part.next.shift()
      if (peer === undefined) {
        if (part.asking === 0) settle(id, part, part.reason)
        continue
      }
      const group = byPeer.get(peer)
      if (group === undefined) byPeer.set(peer, [id])
      else group.push(id)
    }
    for (const [peer, group] of byPeer) send({ peer, parts: group })
  }

  function send(assignment: Assignment): void {
    for (const id of assignment.parts) parts.get(id)!.asking += 1
    const stopTimer = after(hedgeMs(assignment.peer), () => {
      timers.delete(stopTimer)
      if (open > 0) askNext(assignment.parts.filter((id) => parts.get(id)!.next.length > 0))
    })
    timers.add(stopTimer)
    ask(assignment, over.signal)
      .then(
        (reply) => take(assignment, reply),
        (error: unknown) => {
          for (const id of assignment.parts) {
            const part = parts.get(id)!
            part.asking -= 1
            if (!part.isDoubted) part.reason = toVillageError(error).code
          }
          return assignment.parts
        },
      )
      .then((failed) => {
        stopTimer()
        timers.delete(stopTimer)
        if (open > 0) askNext(failed)
        if (open === 0) finish()
      })
      .catch(done.reject)
  }

  /** Returns the parts that still want an answer. */
  function take({ peer, parts: asked }: Assignment, { value, absent, doubted }: Reply<T>): string[] {
    const gone = new Set(absent)
    const fresh = unsettled(asked).filter((id) => !gone.has(id))
    for (const id of asked) parts.get(id)!.asking -= 1
    for (const id of fresh) {
      const part = parts.get(id)!
      const doubt = doubted?.get(id)
      if (doubt === undefined) settle(id, part, null)
      else Object.assign(part, { isDoubted: true, reason: doubt })
    }
    for (const id of gone) {
      const part = parts.get(id)
      if (part !== undefined && !part.isDoubted) part.reason = 'SEGMENT_ABSENT'
    }
    if (fresh.length > 0) answers.push({ peer, parts: fresh, value })
    return unsettled(asked)
  }

  for (const { peer, parts: ids } of assignments)
    for (const id of ids) {
      if (parts.has(id)) continue
      const next = (standby.get(id) ?? []).filter((other) => other !== peer)
      parts.set(id, { next, asking: 0, isSettled: false, reason: 'TIMEOUT', isDoubted: false })
    }
  open = parts.size
  if (open === 0) finish()
  else if (signal.aborted) onAbort()
  else {
    signal.addEventListener('abort', onAbort, { once: true })
    for (const assignment of assignments) send(assignment)
  }
  return done.promise
}

/** Real time. */
export function afterDelay(delayMs: number, work: () => void): () => void {
  const timer = setTimeout(work, delayMs)
  return () => clearTimeout(timer)
}
