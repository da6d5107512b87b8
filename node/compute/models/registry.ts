/**
 * The models that this node knows by name. A model is a directory artifact (model.onnx with its external data, and for
 * encoders tokenizer.json and model.json), pinned under `model:<id>`.
 */
import { copyFile, link, mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import type { Events } from '../../events.ts'
import { isJsonObject, type JsonObject } from '../../json.ts'
import type { Log } from '../../log.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import { nearest } from '../../nearest.ts'
import type { JsonTable, Store } from '../../store.ts'
import type { Pool } from '../pool.ts'
import { SAFETENSORS_FILE } from '../safetensors/read.ts'
import { fillDirectory } from './fill-directory.ts'
import { CARD_FILE, EXTRA_FILES, MODEL_FILE, readCard } from './model-card.ts'
import { checkModelId, idFromPath } from './model-ids.ts'
import type { UnpackRuntime } from './packed.ts'

/** The job that made a model rests on the word of peers that were caught lying since. */
export interface ModelDoubt extends JsonObject {
  readonly job: string
  readonly peers: readonly string[]
  readonly sinceMs: number
}

export interface ModelEntry {
  /** Short and unique on this node, e.g. `encoder` or `encoder-int4`. */
  readonly id: string
  readonly cid: string
  /** One line for people. */
  readonly name: string
  /** `safetensors` are weights without a graph, `packed` weights that unpacking gives back. */
  readonly kind: 'encoder' | 'onnx' | 'safetensors' | 'packed'
  readonly parameters: number
  readonly sizeBytes: number
  readonly addedAtMs: number
  readonly source: string
  /** The model that it was compressed from. */
  readonly parent: string | null
  readonly report: JsonObject | null
  readonly doubt: ModelDoubt | null
}

/** As it is stored; entries of earlier versions have no doubt. */
interface StoredModel extends ModelEntry {
  /** Artifacts that are kept as long as the model is, e.g. its packed form. */
  readonly keeps: readonly string[]
}

export type NewModel = Omit<StoredModel, 'addedAtMs' | 'doubt'>

export interface Models {
  /**
   * Adds a model from a directory (ONNX, safetensors, or packed), an .onnx or .safetensors file, or the embedded encoder.
   * Without an id, one is made from the file name. The same model under the same id is added once. Throws MODEL_ID_TAKEN,
   * MODEL_MALFORMED, INVALID_ARGUMENT.
   */
  add(init: { path: string; id?: string } | { embedded: 'encoder'; id?: string }): Promise<ModelEntry>
  /** Registers an artifact that is here already; where the id is taken by another model, a number is added to it. */
  register(model: NewModel): Promise<ModelEntry>
  list(): Promise<ModelEntry[]>
  get(idOrCid: string): Promise<ModelEntry | null>
  /** As get(), but throws MODEL_UNKNOWN with the nearest id. */
  need(idOrCid: string): Promise<ModelEntry>
  /** Inputs, outputs, operators and tensors; for a compressed model also what its report says of each tensor. */
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

const SAFETENSORS_NAME = /\.safetensors$/i
const MAX_NUMBERED = 10_000
const pinOf = (id: string) => `model:${id}`

const exists = async (file: string) => (await stat(file).catch(() => null))?.isFile() === true

/** A second name for the file where the file system allows it, so that gigabytes are not copied. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  await link(from, to).catch(() => copyFile(from, to))
}

const withDoubt = (entry: StoredModel): StoredModel => ({ ...entry, doubt: entry.doubt ?? null })

export function createModels(components: Components, init: Init): Models {
  const { artifacts, pool, events } = components
  const table: JsonTable<StoredModel> = components.store.json('models')
  const incoming = path.join(init.directory, 'incoming')
  const now = init.now ?? Date.now
  let cleaning: Promise<unknown> | undefined
  /** One change at a time: an id is looked up and taken in one go. */
  let changing: Promise<unknown> = Promise.resolve()

  /** What a crash left on its way in goes before anything else comes. */
  function cleaned(): Promise<unknown> {
    cleaning ??= rm(incoming, { recursive: true, force: true }).then(() =>
      mkdir(incoming, { recursive: true }),
    )
    return cleaning
  }

  function exclusive<T>(change: () => Promise<T>): Promise<T> {
    const result = changing.then(change)
    changing = result.catch(() => {
      // The caller has the failure; the next change does not depend on it.
    })
    return result
  }

  async function list(): Promise<StoredModel[]> {
    const entries: StoredModel[] = []
    for await (const [, entry] of table.entries()) entries.push(withDoubt(entry))
    return entries.sort((a, b) => a.addedAtMs - b.addedAtMs || (a.id < b.id ? -1 : 1))
  }

  async function get(idOrCid: string): Promise<StoredModel | null> {
    const entry = await table.get(idOrCid)
    if (entry !== undefined) return withDoubt(entry)
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
    const entry: StoredModel = { ...model, addedAtMs: now(), doubt: null }
    for (const cid of [entry.cid, ...entry.keeps]) await artifacts.pin(cid, pinOf(entry.id))
    await table.put(entry.id, entry, { sync: true })
    events.emit('model:added', { id: entry.id, name: entry.name })
    return entry
  }

  /** Files of a model directory, in a directory of their own with the names that a model has. */
  async function stage(given: string, staging: string): Promise<void> {
    const stats = await stat(given).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
      throw new VillageError('INVALID_ARGUMENT', `${given} cannot be read (${error.code})`, {
        cause: error,
        fields: { argument: 'path' },
      })
    })
    if (stats === null)
      throw new VillageError('INVALID_ARGUMENT', `${given} does not exist`, { fields: { argument: 'path' } })
    if (stats.isFile() && SAFETENSORS_NAME.test(given)) {
      await linkOrCopy(given, path.join(staging, SAFETENSORS_FILE))
      return
    }
    const file = stats.isDirectory() ? path.join(given, MODEL_FILE) : given
    const format = stats.isDirectory() ? await pool.run('model.format', { modelPath: file }) : 'onnx'
    if (format !== 'onnx')
      await stageFiles(given, staging, await pool.run('model.files', { modelPath: file }))
    else await stageOnnx(given, file, staging)
    if (!stats.isDirectory()) return
    for (const name of EXTRA_FILES)
      if (await exists(path.join(given, name)))
        await linkOrCopy(path.join(given, name), path.join(staging, name))
  }

  /** Files below a model directory, under the names that they have there. */
  async function stageFiles(directory: string, staging: string, files: readonly string[]): Promise<void> {
    for (const name of files) {
      const target = path.join(staging, name)
      await mkdir(path.dirname(target), { recursive: true })
      await linkOrCopy(path.join(directory, name), target)
    }
  }

  async function stageOnnx(given: string, file: string, staging: string): Promise<void> {
    if (!(await exists(file)))
      throw new VillageError(
        'INVALID_ARGUMENT',
        `${given} has neither ${MODEL_FILE} nor ${SAFETENSORS_FILE}`,
        { fields: { argument: 'path' } },
      )
    const externalFiles = await pool.run('model.externalFiles', { modelPath: file })
    const directory = path.dirname(file)
    await linkOrCopy(file, path.join(staging, MODEL_FILE))
    for (const external of externalFiles) {
      const target = path.join(staging, path.relative(directory, external))
      await mkdir(path.dirname(target), { recursive: true })
      await linkOrCopy(external, target)
    }
  }

  async function addStaged(init: Parameters<Models['add']>[0], staging: string): Promise<ModelEntry> {
    const embedded = 'embedded' in init
    if (embedded) await pool.run('encoder.write', { modelDir: staging })
    else await stage(init.path, staging)
    const modelPath = path.join(staging, MODEL_FILE)
    const format = await pool.run('model.format', { modelPath })
    const isEncoder = format === 'onnx' && (await exists(path.join(staging, CARD_FILE)))
    const card = isEncoder ? readCard(staging) : null
    const facts = await pool.run('model.inspect', { modelPath })
    const wanted = init.id ?? (embedded ? 'encoder' : idFromPath(init.path))
    const info = await artifacts.addPath(staging, { name: wanted, pin: pinOf(wanted) })
    return exclusive(async () => {
      const before = await table.get(wanted)
      if (before !== undefined && before.cid === info.cid) return withDoubt(before)
      if (before !== undefined) {
        await artifacts.unpin(info.cid, pinOf(wanted))
        if (init.id !== undefined)
          throw new VillageError('MODEL_ID_TAKEN', `The id "${wanted}" belongs to another model`, {
            fields: { id: wanted },
          })
      }
      const id = before === undefined ? wanted : await freeId(wanted)
      return put({
        id,
        cid: info.cid,
        name: card === null ? wanted : card.title,
        kind: isEncoder ? 'encoder' : format,
        parameters: facts.parameters as number,
        sizeBytes: info.sizeBytes,
        source: card === null ? (embedded ? 'embedded' : path.basename(init.path)) : card.source,
        parent: null,
        report: null,
        keeps: [],
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
    await cleaned()
    const written = await mkdtemp(path.join(incoming, 'packed-'))
    try {
      const packedDir = await artifacts.materialize(cid, written)
      await fillDirectory(directory, (outDir) =>
        pool.run('packed.unpack', { packedDir, outDir, runtime }, { signal }),
      )
    } finally {
      await rm(written, { recursive: true, force: true })
    }
  }

  return {
    unpack,
    async add(given) {
      if (given.id !== undefined) checkModelId(given.id)
      await cleaned()
      const staging = await mkdtemp(path.join(incoming, 'model-'))
      try {
        return await addStaged(given, staging)
      } finally {
        await rm(staging, { recursive: true, force: true })
      }
    },
    register: (model) =>
      exclusive(async () => {
        checkModelId(model.id)
        const before = await table.get(model.id)
        const id = before === undefined || before.cid === model.cid ? model.id : await freeId(model.id)
        return put({ ...model, id })
      }),
    list,
    get,
    need,
    async inspect(idOrCid) {
      const entry = await need(idOrCid)
      const directory = await artifacts.materialize(entry.cid, init.modelsDirectory)
      const facts = await pool.run('model.inspect', { modelPath: path.join(directory, MODEL_FILE) })
      return { ...entry, ...facts, parameters: entry.parameters }
    },
    remove: (idOrCid) =>
      exclusive(async () => {
        const entry = await need(idOrCid)
        await table.del(entry.id)
        for (const cid of [entry.cid, ...entry.keeps]) await artifacts.unpin(cid, pinOf(entry.id))
        events.emit('model:removed', { id: entry.id })
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
