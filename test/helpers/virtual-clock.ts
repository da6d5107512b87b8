/** Time that passes only from event to event: what happens, and in which order, follows from what was asked for alone. */

interface Event {
  readonly atMs: number
  /** Of two at the same time the one that was asked for first comes first. */
  readonly order: number
  readonly act: () => void
}

export interface VirtualClock {
  readonly nowMs: number
  later(delayMs: number, act: () => void): void
  /** When the next event comes; Infinity if there is none. */
  nextMs(): number
  /** Goes to the next event and lets it happen. */
  step(): void
}

const isBefore = (a: Event, b: Event) => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)

export function createVirtualClock(): VirtualClock {
  /** A binary heap. */
  const events: Event[] = []
  let orders = 0
  let nowMs = 0

  const swap = (a: number, b: number) => {
    ;[events[a], events[b]] = [events[b]!, events[a]!]
  }

  function sink(): void {
    for (let at = 0; ; ) {
      let least = at
      for (const child of [2 * at + 1, 2 * at + 2])
        if (child < events.length && isBefore(events[child]!, events[least]!)) least = child
      if (least === at) return
      swap(at, least)
      at = least
    }
  }

  return {
    get nowMs() {
      return nowMs
    },
    later(delayMs, act) {
      events.push({ atMs: nowMs + delayMs, order: orders++, act })
      for (let at = events.length - 1; at > 0; ) {
        const parent = (at - 1) >> 1
        if (!isBefore(events[at]!, events[parent]!)) return
        swap(at, parent)
        at = parent
      }
    },
    nextMs: () => events[0]?.atMs ?? Number.POSITIVE_INFINITY,
    step() {
      const event = events[0]
      const last = events.pop()
      if (event === undefined || last === undefined) return
      if (events.length > 0) {
        events[0] = last
        sink()
      }
      nowMs = event.atMs
      event.act()
    },
  }
}
