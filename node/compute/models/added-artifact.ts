/** A model that is here as an artifact: uploaded, fetched from a member, or from a CAR file. */
import { mkdir, rename } from 'node:fs/promises'
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import type { AddedPath } from './adding.ts'

export interface AddedArtifact extends Omit<AddedPath, 'path' | 'name' | 'source'> {
  /** CID of a file or a directory that is here whole. */
  readonly artifact: string
}

/** What files of models may be called; the extension says what a single file is. */
const MAX_NAME = 100

function fileName(name: string | null): string {
  const plain = path.posix.basename((name ?? '').replaceAll('\\', '/')).replace(/[^\w.-]+/g, '-')
  return plain.replace(/^[.-]+/, '').slice(-MAX_NAME) || 'model'
}

/** Writes the artifact below `directory`, under its own name. Throws ARTIFACT_MISSING. */
export async function writeArtifact(
  { artifacts }: { readonly artifacts: Pick<Artifacts, 'info' | 'materialize'> },
  { artifact: cid, ...rest }: AddedArtifact,
  directory: string,
): Promise<AddedPath> {
  const info = await artifacts.info(cid)
  if (info === null || !info.complete)
    throw new VillageError('ARTIFACT_MISSING', 'The artifact is not on this node, or not all of it', {
      fields: { cid },
    })
  const uploaded = path.join(directory, 'artifact')
  await mkdir(uploaded)
  const named = path.join(uploaded, fileName(info.name))
  await rename(await artifacts.materialize(cid, uploaded), named)
  return { ...rest, path: named }
}
