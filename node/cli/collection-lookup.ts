/** Finds collections for the commands. */

import type { Client } from '../client.ts'
import { VillageError } from '../errors.ts'
import type { CommandContext } from './command.ts'
import type { CollectionView, KnownCollectionView } from './knowledge-views.ts'

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

/** As `--collection` takes it. */
export const shownName = ({ isOwn, name, owner, ownerName }: KnownCollectionView): string =>
  isOwn ? name : `${name}@${ownerName ?? owner}`

/** One of this node. Throws COLLECTION_UNKNOWN, which says so where another member has one of this name. */
export async function needCollection(client: Client, idOrName: string): Promise<CollectionView> {
  try {
    return await client.get<CollectionView>(collectionPath(idOrName))
  } catch (error) {
    if (!(error instanceof VillageError) || error.code !== 'COLLECTION_UNKNOWN') throw error
    const { collections } = await client.get<{ collections: KnownCollectionView[] }>(
      '/api/v1/knowledge/collections',
    )
    const other = collections.find(
      (one) => !one.isOwn && [one.id, one.name, one.label, shownName(one)].includes(idOrName),
    )
    if (other === undefined) throw error
    throw new VillageError(
      'COLLECTION_UNKNOWN',
      `"${shownName(other)}" belongs to another member: \`village search\` and \`village ask\` reach it with --collection, and only its owner can show, change or export it`,
      { cause: error },
    )
  }
}

/** Says so where a collection is to be seen by others and there is nobody who could. */
export async function noteUnseen(context: CommandContext, client: Client, access: string): Promise<void> {
  if (access === 'private') return
  const { village } = await client.get<{ village: object | null }>('/api/v1/status')
  if (village === null)
    context.note('This node is in no village yet: until it is, nobody else can search the collection.')
}
