/**
 * The models that this node knows by name. A model is a directory artifact (model.onnx with its external data, and for
 * encoders tokenizer.json and model.json), pinned under `model:<id>`.
 */
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import type { Events } from '../../events.ts'
import { isJsonObject, type JsonObject } from '../../json.ts'
import type { Log } from '../../log.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import { nearest } from '../../nearest.ts'
import type { JsonTable, Store } from '../../store.ts'
import type { Pool } from '../pool.ts'
import { type AddedArtifact, writeArtifact } from './added-artifact.ts'
import { type AddedModel, createAdding, type StagedModel } from './adding.ts'
import { fillDirectory } from './fill-directory.ts'
import {
  completeEntry,
  type ModelDoubt,
  type ModelEntry,
  type NewModel,
  type StoredModel,
} from './model-entry.ts'
import { MODEL_FILE } from './model-files.ts'
import { checkModelId } from './model-ids.ts'
import type { UnpackRuntime } from './packed.ts'

export interface Models {
  /**
   * Adds a model from a directory (ONNX, safetensors, or packed), a file, or one that comes with the daemon. Without an id,
   * one is made from the file name. The same model under the same id is added once. Throws MODEL_ID_TAKEN, ARTIFACT_MISSING
   * and what importModel throws; nothing stays of what failed.
   */
  add(
    given: (AddedModel | AddedArtifact) & { readonly id?: string },
    signal?: AbortSignal,
  ): Promise<ModelEntry>
  /**
   * Registers an artifact that is here already. Where the id is taken, by another model or by equal bytes that come with
   * something else to keep, a number is added to it.
   */
  register(model: NewModel): Promise<ModelEntry>
  /** All that is known of it, as replace() takes it. Throws MODEL_UNKNOWN. */
  stored(idOrCid: string): Promise<StoredModel>
  /**
   * Lets an id stand for another model, whose artifacts are here, in one write: who asks sees either. With the entry that stored() gave it
   * is put back as it was; only whether it is shared stays. What it stood for is let go: pin it before to keep it. Throws MODEL_UNKNOWN.
   */
  replace(entry: StoredModel): Promise<ModelEntry>
  list(): Promise<ModelEntry[]>
  get(idOrCid: string): Promise<ModelEntry | null>
  /** As get(), but throws MODEL_UNKNOWN with the nearest id. */
  need(idOrCid: string): Promise<ModelEntry>
  /** Its card, inputs, outputs, operators and tensors; for a compressed model also what its report says of each tensor. */
  inspect(idOrCid: string): Promise<JsonObject>
  remove(idOrCid: string): Promise<void>
  /**
   * Writes a compressed model, or the artifact of a packed one, as an ordinary model into a directory that is not there yet
   * or is empty. Throws MODEL_UNKNOWN, MODEL_NOT_PACKED, MODEL_MALFORMED, CODEC_MALFORMED, INVALID_ARGUMENT.
   */
  unpack(
    idOrCid: string,
    init: { directory: string; runtime: UnpackRuntime; signal: AbortSignal },
  ): Promise<void>
  /** Marks the models with these CIDs as doubtful, or not any more. */
  doubt(cids: readonly string[], doubt: ModelDoubt | null): Promise<void>
  /** Whether members of the village are told of the model. */
  setShared(idOrCid: string, shared: boolean): Promise<ModelEntry>
}

interface Components {
  readonly artifacts: Pick<Artifacts, 'addPath' | 'pin' | 'unpin' | 'materialize' | 'info'>
  readonly pool: Pick<Pool, 'run'>
  readonly store: Pick<Store, 'json'>
  readonly events: Pick<Events, 'emit'>
  readonly log: Log
}

interface Init {
  /** Files on their way in are kept in `incoming` below it. */
  readonly directory: string
  /** Where models are written out for onnxruntime. */
  readonly modelsDirectory: string
  readonly now?: () => number
}

const MAX_NUMBERED = 10_000
const pinOf = (id: string) => `model:${id}`
const sameSet = (a: readonly string[], b: readonly string[]) =>
  a.length === b.length && a.every((one) => b.includes(one))

export function createModels(components: Components, init: Init): Models {
  const { artifacts, pool, events } = components
  const table: JsonTable<StoredModel> = components.store.json('models')
  const adding = createAdding({ pool }, { directory: path.join(init.directory, 'incoming') })
  const now = init.now ?? Date.now
  /** One change at a time: an id is looked up and taken in one go. */
  let changing: Promise<unknown> = Promise.resolve()

  function exclusive<T>(change: () => Promise<T>): Promise<T> {
    const result = changing.then(change)
    changing = result.catch(() => {
      // The caller has the failure; the next change does not depend on it.
    })
    return result
  }

  async function list(): Promise<StoredModel[]> {
    const entries: StoredModel[] = []
    for await (const [, entry] of table.entries()) entries.push(completeEntry(entry))
    return entries.sort((a, b) => a.addedAtMs - b.addedAtMs || (a.id < b.id ? -1 : 1))
  }

  async function get(idOrCid: string): Promise<StoredModel | null> {
    const entry = await table.get(idOrCid)
    if (entry !== undefined) return completeEntry(entry)
    return (await list()).find((entry) => entry.cid === idOrCid) ?? null
  }

  async function need(idOrCid: string): Promise<StoredModel> {
    const entry = await get(idOrCid)
    if (entry !== null) return entry
    const meant = nearest(
      idOrCid,
      (await list()).map(({ id }) => id),
    )
    throw new VillageError(
      'MODEL_UNKNOWN',
      `There is no model "${idOrCid}"${meant === null ? '' : `; did you mean "${meant}"?`}`,
      { fields: { model: idOrCid, suggestion: meant } },
    )
  }

  async function put(model: NewModel): Promise<ModelEntry> {
    const entry: StoredModel = {
      ...model,
      base: model.base ?? null,
      notes: model.notes ?? [],
      addedAtMs: now(),
      doubt: null,
      shared: false,
    }
    for (const cid of [entry.cid, ...entry.keeps]) await artifacts.pin(cid, pinOf(entry.id))
    await table.put(entry.id, entry, { sync: true })
    events.emit('model:added', { id: entry.id, name: entry.name })
    return entry
  }

  async function addStaged(staged: StagedModel, wish: string | undefined): Promise<ModelEntry> {
    const wanted = wish ?? staged.id
    const info = await artifacts.addPath(staged.directory, { name: wanted, pin: pinOf(wanted) })
    return exclusive(async () => {
      const before = await table.get(wanted)
      if (before !== undefined && before.cid === info.cid) return completeEntry(before)
      if (before !== undefined) {
        await artifacts.unpin(info.cid, pinOf(wanted))
        if (wish !== undefined)
          throw new VillageError('MODEL_ID_TAKEN', `The id "${wanted}" belongs to another model`, {
            fields: { id: wanted },
          })
      }
      const id = before === undefined ? wanted : await freeId(wanted)
      return put({
        id,
        cid: info.cid,
        name: staged.title ?? wanted,
        kind: staged.kind,
        parameters: staged.parameters,
        sizeBytes: info.sizeBytes,
        source: staged.source ?? staged.from,
        parent: null,
        report: null,
        keeps: [],
        base: staged.base,
        notes: staged.notes,
      })
    })
  }

  async function freeId(wanted: string): Promise<string> {
    for (let number = 2; number < MAX_NUMBERED; number++) {
      const suffix = `-${number}`
      const id = `${wanted.slice(0, 64 - suffix.length)}${suffix}`
      if ((await table.get(id)) === undefined) return id
    }
    throw new VillageError('MODEL_ID_TAKEN', `The id "${wanted}" belongs to another model`)
  }

  /** CID of the packed form. */
  async function packedCid(idOrCid: string): Promise<string> {
    const entry = await get(idOrCid)
    if (entry === null && (await artifacts.info(idOrCid).catch(() => null)) !== null) return idOrCid
    const { kind, cid, report, id } = entry ?? (await need(idOrCid))
    if (kind === 'packed') return cid
    const packed = report?.packed
    if (isJsonObject(packed ?? null)) return String((packed as JsonObject).cid)
    throw new VillageError('MODEL_NOT_PACKED', `"${id}" is not a compressed model`, { fields: { model: id } })
  }

  async function unpack(
    idOrCid: string,
    given: { directory: string; runtime: UnpackRuntime; signal: AbortSignal },
  ): Promise<void> {
    const { directory, runtime, signal } = given
    const cid = await packedCid(idOrCid)
    await adding.within(async (written) => {
      const packedDir = await artifacts.materialize(cid, written)
      await fillDirectory(directory, (outDir) =>
        pool.run('packed.unpack', { packedDir, outDir, runtime }, { signal }),
      )
    })
  }

  return {
    unpack,
    async add({ id, ...given }, signal = new AbortController().signal) {
      if (id !== undefined) checkModelId(id)
      return adding.within(async (directory) => {
        const found = 'artifact' in given ? await writeArtifact({ artifacts }, given, directory) : given
        return addStaged(await adding.stage(found, directory, signal), id)
      })
    },
    register: (model) =>
      exclusive(async () => {
        checkModelId(model.id)
        const before = await table.get(model.id)
        if (before === undefined) return put(model)
        // A job that goes on after a crash publishes again: what stands, with its report, is the same.
        if (before.cid === model.cid && sameSet(before.keeps, model.keeps)) return completeEntry(before)
        return put({ ...model, id: await freeId(model.id) })
      }),
    replace: (wanted) =>
      exclusive(async () => {
        const before = await need(wanted.id)
        const entry: StoredModel = { ...completeEntry(wanted), shared: before.shared }
        const [pins, old] = [
          [entry.cid, ...entry.keeps],
          [before.cid, ...before.keeps],
        ]
        for (const cid of pins) await artifacts.pin(cid, pinOf(entry.id))
        await table.put(entry.id, entry, { sync: true })
        for (const cid of old) if (!pins.includes(cid)) await artifacts.unpin(cid, pinOf(entry.id))
        events.emit('model:added', { id: entry.id, name: entry.name })
        if (entry.shared) events.emit('model:shared', { id: entry.id, shared: true })
        return entry
      }),
    stored: need,
    list,
    get,
    need,
    async inspect(idOrCid) {
      const entry = await need(idOrCid)
      const directory = await artifacts.materialize(entry.cid, init.modelsDirectory)
      const modelPath = path.join(directory, MODEL_FILE)
      const facts = await pool.run('model.inspect', { modelPath })
      const card = await pool.run('model.card', { modelPath })
      return { ...entry, ...facts, card, parameters: entry.parameters }
    },
    remove: (idOrCid) =>
      exclusive(async () => {
        const entry = await need(idOrCid)
        await table.del(entry.id)
        for (const cid of [entry.cid, ...entry.keeps]) await artifacts.unpin(cid, pinOf(entry.id))
        events.emit('model:removed', { id: entry.id })
      }),
    setShared: (idOrCid, shared) =>
      exclusive(async () => {
        const entry = { ...(await need(idOrCid)), shared }
        await table.put(entry.id, entry, { sync: true })
        events.emit('model:shared', { id: entry.id, shared })
        return entry
      }),
    doubt: (cids, doubt) =>
      exclusive(async () => {
        for (const entry of await list()) {
          if (!cids.includes(entry.cid)) continue
          await table.put(entry.id, { ...entry, doubt }, { sync: true })
          events.emit('model:doubted', { id: entry.id, job: doubt?.job ?? null })
        }
      }),
  }
}
