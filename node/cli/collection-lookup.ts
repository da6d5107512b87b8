/** Finds collections for the commands. */
import { VillageError } from '../errors.ts'
import type { Client } from './client.ts'
import type { CollectionView } from './knowledge-views.ts'

export const collectionPath = (idOrName: string): string =>
  `/api/v1/collections/${encodeURIComponent(idOrName)}`

export async function findCollection(client: Client, idOrName: string): Promise<CollectionView | null> {
  try {
    return await client.get<CollectionView>(collectionPath(idOrName))
  } catch (error) {
    if (error instanceof VillageError && error.code === 'COLLECTION_UNKNOWN') return null
    throw error
  }
}
