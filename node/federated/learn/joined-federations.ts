/** How long a client keeps what it has for a federation: rows of its texts, residuals, and the model. */
import { rm } from 'node:fs/promises'
import type { Log } from '../../log.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import type { JsonTable } from '../../store.ts'
import type { Joined } from './client-training.ts'
import type { Consent } from './consent.ts'

/** A federation that has asked for nothing for this long is forgotten with all that was kept for it. */
const FORGOTTEN_MS = 30 * 86_400_000
/** Each may hold a directory of texts in tokens, and a model. */
const MAX_BY_SERVER = 16

export function createForgetting(
  components: { artifacts: Pick<Artifacts, 'unpin'>; joined: JsonTable<Joined>; log: Log },
  init: {
    directoryOf: (id: string) => string
    pinOf: (id: string) => string
    consent: Pick<Consent, 'data'>
    now: () => number
  },
) {
  const { artifacts, joined, log } = components
  const { directoryOf, pinOf, consent, now } = init

  async function forget({ id, terms }: Joined): Promise<void> {
    await joined.del(id)
    await rm(directoryOf(id), { recursive: true, force: true })
    await artifacts
      .unpin(terms.spec.model!, pinOf(id))
      .catch((error: unknown) => log.debug({ err: error, federation: id }, 'its model was not here'))
  }

  return {
    /** Before another is taken: a server that has offered many loses those that it used longest ago. */
    async makeRoom(id: string, server: string): Promise<void> {
      const others: Joined[] = []
      for await (const [key, one] of joined.entries())
        if (key !== id && one.terms.server === server) others.push(one)
      others.sort((a, b) => b.usedAtMs - a.usedAtMs)
      for (const one of others.slice(MAX_BY_SERVER - 1)) await forget(one)
    },
    /** What was asked for nothing for a month, and what its owner offers no more. */
    async forgetOld(): Promise<void> {
      for await (const [, one] of joined.entries()) {
        const { data } = one.terms.spec
        const isOffered = data !== null && consent.data.has(data)
        if (!isOffered || now() - one.usedAtMs >= FORGOTTEN_MS) await forget(one)
      }
    },
  }
}
