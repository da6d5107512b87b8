/** Settings of search of collections, as self-evolution reads and changes them (federated/self-evolution). */
import type { TunedCollections } from '../../../federated/self-evolution/targets.ts'
import type { Collections } from './collections.ts'

export const tunedCollections = (collections: Pick<Collections, 'need' | 'update'>): TunedCollections => ({
  async settings(name) {
    const { weight, feedback, candidates } = await collections.need(name)
    return { weight, feedback, candidates }
  },
  async tune(name, { weight, feedback, candidates }) {
    await collections.update(name, { weight, feedback, candidates })
  },
})
