/**
 * Work for others within what the owner allows a day: what it takes is counted while it goes on, however it ends, and it is
 * aborted when nothing is left, when the machine takes no work any more, and when its time is up.
 */
import type { Resources } from '../../compute/resources.ts'
import { VillageError } from '../../errors.ts'
import type { JsonTable, Store } from '../../store.ts'
import { addRound, addUse, type Consent, checkAmounts, type DayUse, useOn } from './consent.ts'
import { measureEnergy } from './energy.ts'

/** A day may take more than was allowed by what is done in this time. */
const CHECK_MS = 2_000
const USE_KEY = 'today'

export interface Worked<T> {
  readonly result: T
  readonly busyMs: number
  readonly joules: number
  readonly measured: boolean
}

export interface OwnerLimits {
  useToday(): Promise<DayUse>
  /**
   * Does one round of work. Throws what `work` throws; its signal aborts with FEDERATION_REFUSED, WORK_PAUSED, or
   * FEDERATION_ROUND_STALE after `deadlineMs`.
   */
  within<T>(
    init: { deadlineMs: number; signal: AbortSignal },
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<Worked<T>>
}

export function createOwnerLimits(
  components: { store: Pick<Store, 'json'>; resources: Pick<Resources, 'limits' | 'accepts'> },
  init: { consent: Consent; now: () => number; checkMs?: number },
): OwnerLimits {
  const { resources } = components
  const { consent, now, checkMs = CHECK_MS } = init
  const uses: JsonTable<DayUse> = components.store.json('federate-use')
  const useToday = async (): Promise<DayUse> => useOn((await uses.get(USE_KEY)) ?? null, now())

  return {
    useToday,
    async within({ deadlineMs, signal }, work) {
      await uses.put(USE_KEY, addRound(await useToday()))
      const readEnergy = await measureEnergy({ cores: resources.limits().cpuCores, now })
      const startMs = now()
      const stop = new AbortController()
      let countedMs = startMs
      let total = { busyMs: 0, joules: 0, measured: false }
      let counting: Promise<DayUse> | null = null

      async function count(): Promise<DayUse> {
        const nowMs = now()
        const busyMs = Math.max(0, Math.round(nowMs - countedMs))
        countedMs = nowMs
        const { joules, measured } = await readEnergy()
        total = { busyMs: total.busyMs + busyMs, joules: total.joules + joules, measured }
        const use = addUse(await useToday(), { busyMs, joules })
        await uses.put(USE_KEY, use)
        return use
      }

      async function check(): Promise<void> {
        if (counting !== null) return
        counting = count()
        try {
          checkAmounts(consent, await counting)
          if (!resources.accepts(false)) throw new VillageError('WORK_PAUSED')
          if (now() - startMs > deadlineMs) throw new VillageError('FEDERATION_ROUND_STALE')
        } catch (error) {
          stop.abort(error)
        } finally {
          counting = null
        }
      }

      const timer = setInterval(() => void check(), checkMs)
      try {
        const result = await work(AbortSignal.any([signal, stop.signal]))
        clearInterval(timer)
        await counting
        await count()
        return { result, ...total }
      } catch (error) {
        clearInterval(timer)
        await counting
        await count()
        throw error
      }
    },
  }
}
