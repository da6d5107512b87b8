import { VillageError } from './errors.ts'
import type { Log } from './log.ts'

/** What the daemon starts and stops. `stop` is idempotent, survives a half start, and drains instead of sleeping. */
export interface Service {
  readonly name: string
  start(signal: AbortSignal): Promise<void>
  stop(): Promise<void>
}

export interface Lifecycle {
  start(): Promise<void>
  stop(): Promise<void>
}

/**
 * Starts services in order and stops them in reverse. If one fails to start, those before it (and it itself) are
 * stopped and the failure is thrown. A `stop` during `start` aborts the start first.
 */
export function createLifecycle(components: { log: Log }, services: readonly Service[]): Lifecycle {
  const { log } = components
  const touched: Service[] = []
  const abort = new AbortController()
  let starting: Promise<void> | undefined
  let stopping: Promise<void> | undefined

  async function startAll(): Promise<void> {
    for (const service of services) {
      if (abort.signal.aborted) throw new VillageError('SHUTTING_DOWN')
      touched.push(service)
      await service.start(abort.signal)
      log.debug({ service: service.name }, 'service started')
    }
    if (abort.signal.aborted) throw new VillageError('SHUTTING_DOWN')
  }

  async function stopAll(): Promise<void> {
    abort.abort(new VillageError('SHUTTING_DOWN'))
    // Its failure was already thrown to whoever called start().
    await starting?.catch((error: unknown) => log.debug({ err: error }, 'start ended by stop'))
    for (const service of touched.splice(0).reverse()) {
      try {
        await service.stop()
        log.debug({ service: service.name }, 'service stopped')
      } catch (error) {
        log.error({ err: error, service: service.name }, 'service failed to stop')
      }
    }
  }

  function stop(): Promise<void> {
    stopping ??= stopAll()
    return stopping
  }

  return {
    async start() {
      starting ??= startAll()
      try {
        await starting
      } catch (error) {
        await stop()
        throw error
      }
    },
    stop,
  }
}
