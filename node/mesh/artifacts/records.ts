/** What this node knows about artifacts, in the state store: one record by root CID, also for those half fetched. */
import type { JsonTable, Store } from '../../store.ts'

export interface ArtifactInfo {
  cid: string
  /** Bytes of content. 0 until the manifest of a fetched artifact is known. */
  sizeBytes: number
  name: string | null
  kind: 'file' | 'directory'
  pins: string[]
  addedAtMs: number
  complete: boolean
  /** Announced and served to nobody but those that ArtifactsInit.shared and .lent name. */
  private?: true
}

export const isHidden = (info: ArtifactInfo | undefined) => info?.private === true
/** What others may know already, because something pins it in public, is not taken back. */
export const mayHide = (info: ArtifactInfo | undefined) =>
  info === undefined || info.pins.length === 0 || isHidden(info)

export interface Records {
  load(): Promise<void>
  get(cid: string): ArtifactInfo | undefined
  list(): ArtifactInfo[]
  /** Writes a record; it is on the disk when this resolves. */
  put(info: ArtifactInfo): Promise<void>
  /** Changes a record that is there; does nothing when it is not. */
  update(cid: string, change: (info: ArtifactInfo) => ArtifactInfo): Promise<void>
  delete(cid: string): Promise<void>
  /** Rises with each artifact that comes to be known. */
  revision(): number
}

/** Records are kept in memory as well: about 300 bytes each, so that look-ups cost nothing and changes never interleave. */
export function createRecords(components: { store: Pick<Store, 'json'> }): Records {
  const table: JsonTable<ArtifactInfo> = components.store.json('artifacts')
  const records = new Map<string, ArtifactInfo>()

  let revision = 0
  let writing: Promise<void> = Promise.resolve()

  /** One write after another: LevelDB's thread pool may reorder two that are under way. */
  function inOrder(write: () => Promise<void>): Promise<void> {
    const result = writing.then(write)
    writing = result.catch(() => {
      // Its caller has the failure; the next write is attempted all the same.
    })
    return result
  }

  function write(info: ArtifactInfo): Promise<void> {
    if (!records.has(info.cid)) revision += 1
    records.set(info.cid, info)
    return inOrder(() => table.put(info.cid, info, { sync: true }))
  }
  return {
    async load() {
      for await (const [cid, info] of table.entries()) records.set(cid, info)
    },
    get: (cid) => records.get(cid),
    list: () => [...records.values()].sort((a, b) => a.addedAtMs - b.addedAtMs || (a.cid < b.cid ? -1 : 1)),
    put: write,
    async update(cid, change) {
      const info = records.get(cid)
      if (info !== undefined) await write(change(info))
    },
    async delete(cid) {
      records.delete(cid)
      await inOrder(() => table.del(cid))
    },
    revision: () => revision,
  }
}
