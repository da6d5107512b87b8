/**
 * The names of what this node has, kept at hand for the rules that read goals: `garden` means the collection garden where there is one. Only the
 * owner's own things: names that peers chose would let them steer what is read.
 */
import type { Events } from '../events.ts'
import type { Service } from '../lifecycle.ts'
import type { Log } from '../log.ts'

export interface OwnNames {
  readonly collections: readonly string[]
  /** Ids of models. */
  readonly models: readonly string[]
  /** Names of the folders that agents were granted. */
  readonly folders: readonly string[]
}

export const NO_NAMES: OwnNames = { collections: [], models: [], folders: [] }

export interface OwnNamesService extends Service {
  /** As of the last change that was told; what was removed a moment ago may still be in it. */
  current(): OwnNames
}

interface Components {
  readonly collections: { list(): Promise<readonly { readonly name: string }[]> }
  readonly models: { list(): Promise<readonly { readonly id: string }[]> }
  readonly events: Pick<Events, 'subscribe'>
  readonly log: Log
}

const CHANGES = /^(?:collection:(?:created|removed)|model:(?:added|removed))$/

export function createOwnNames(
  { collections, models, events, log }: Components,
  init: { readonly folders: () => readonly { readonly name: string }[] },
): OwnNamesService {
  let known: Pick<OwnNames, 'collections' | 'models'> = NO_NAMES
  let unsubscribe: (() => void) | null = null
  /** The newest reading wins, however long an older one takes. */
  let readings = 0

  async function read(): Promise<void> {
    const reading = ++readings
    const [listed, entries] = await Promise.all([collections.list(), models.list()])
    if (reading !== readings) return
    known = { collections: listed.map(({ name }) => name), models: entries.map(({ id }) => id) }
  }
  const refresh = () =>
    read().catch((error: unknown) =>
      log.error({ err: error }, 'names of collections and models cannot be read'),
    )

  return {
    name: 'own names',
    current: () => ({ ...known, folders: init.folders().map(({ name }) => name) }),
    async start() {
      unsubscribe = events.subscribe(({ type }) => {
        if (CHANGES.test(type)) refresh()
      })
      await refresh()
    },
    async stop() {
      unsubscribe?.()
      unsubscribe = null
      readings++
    },
  }
}
