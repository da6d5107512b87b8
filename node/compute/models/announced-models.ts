/** Which models a node tells the village that it holds, so that work on them comes to it. */
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import type { Models } from './registry.ts'

/**
 * CIDs of the newest `most` models whose files are here, without those that are private and not shared: by its CID a
 * member could ask for such a model. Call it when the artifacts are loaded.
 */
export async function announcedModels(
  components: { models: Pick<Models, 'list'>; artifacts: Pick<Artifacts, 'info'> },
  most: number,
): Promise<string[]> {
  const held: string[] = []
  for (const { cid, shared } of await components.models.list()) {
    const info = await components.artifacts.info(cid)
    if (info !== null && (shared || info.private !== true)) held.push(cid)
  }
  return held.slice(-most)
}
