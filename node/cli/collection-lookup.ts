/** Finds collections for the commands. */
import type { CollectionInfo } from '../agents/rag/collections/collection.ts'
import { VillageError } from '../errors.ts'
import type { Client } from './client.ts'

export const collectionPath = (idOrName: string): string =>
  `/api/v1/collections/${encodeURIComponent(idOrName)}`

export async function findCollection(client: Client, idOrName: string): Promise<CollectionInfo | null> {
  try {
    return await client.get<CollectionInfo>(collectionPath(idOrName))
  } catch (error) {
    if (error instanceof VillageError && error.code === 'COLLECTION_UNKNOWN') return null
    throw error
  }
}
