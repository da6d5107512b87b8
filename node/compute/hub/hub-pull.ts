/** The files of one model of a hub, into a directory of their own: what a pull of a hub does before the model is added. */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject } from '../../json.ts'
import { configFields } from '../models/builder/config-fields.ts'
import { familyOf } from '../models/builder/families.ts'
import { CONFIG_FILE } from '../models/model-files.ts'
import { smallFiles, weightFiles } from './choose-files.ts'
import { fetchFile } from './fetch-file.ts'
import type { HubFile, HubModel, Patience } from './hub-api.ts'
import type { HubHttp } from './hub-http.ts'
import type { PullRequest } from './pull-record.ts'

const AT_ONCE = 3

interface Init {
  readonly request: PullRequest
  readonly model: HubModel
  readonly directory: string
  readonly patience: Patience
  readonly now: () => number
  readonly signal: AbortSignal
  /** Throws where there is none; called before anything is fetched, and again when the weights are known. */
  readonly checkRoom: (totalBytes: number) => void
  /** Called once, when it is known what is fetched in all: the small files say which weights. */
  readonly onTotal: (totalBytes: number) => void
  readonly onProgress: (doneBytes: number) => void
}

/** Throws what chooseFiles and fetchFile throw; what has come stays in the directory. */
export async function fetchModel(components: { http: HubHttp }, init: Init): Promise<void> {
  const { request, model, patience, now, signal, directory } = init
  const { hub, name: repo } = request
  const done = new Map<string, number>()

  const fetchAll = (files: readonly HubFile[]) =>
    inParallel(files, AT_ONCE, signal, (file, joint) =>
      fetchFile(components, {
        hub,
        repo,
        commit: model.commit,
        file,
        target: path.join(directory, file.path),
        patience,
        now,
        signal: joint,
        onProgress(doneBytes) {
          done.set(file.path, doneBytes)
          init.onProgress([...done.values()].reduce((sum, bytes) => sum + bytes, 0))
        },
      }),
    )

  const small = smallFiles(model.files, request)
  init.checkRoom(bytesOf(small))
  await fetchAll(small)
  const config = small.some((file) => file.path === CONFIG_FILE) ? await readConfig(directory) : null
  const weights = weightFiles(model.files, request, { config, canBuild })
  const names = new Set(small.map((file) => file.path))
  const rest = weights.filter((file) => !names.has(file.path))
  const totalBytes = bytesOf([...small, ...rest])
  init.checkRoom(totalBytes)
  init.onTotal(totalBytes)
  await fetchAll(rest)
}

const bytesOf = (files: readonly HubFile[]): number =>
  files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)

async function readConfig(directory: string): Promise<JsonObject | null> {
  const text = await readFile(path.join(directory, CONFIG_FILE), 'utf8')
  try {
    const json: unknown = JSON.parse(text)
    if (isJsonObject(json)) return json
  } catch (error) {
    throw new VillageError('MODEL_CONFIG_INVALID', 'The file config.json is not JSON.', { cause: error })
  }
  throw new VillageError('MODEL_CONFIG_INVALID', 'The file config.json is not a JSON object.')
}

/** Throws MODEL_ARCHITECTURE_UNSUPPORTED before gigabytes are fetched for nothing. */
function canBuild(config: JsonObject): true {
  familyOf(configFields(config, CONFIG_FILE))
  return true
}

/** At most `limit` at once; the first failure ends the others, and is thrown when they have ended. */
async function inParallel<T>(
  items: readonly T[],
  limit: number,
  signal: AbortSignal,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failing = new AbortController()
  const joint = AbortSignal.any([signal, failing.signal])
  const waiting = [...items]
  let failure: { error: unknown } | undefined
  const lane = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift())
      try {
        await work(item, joint)
      } catch (error) {
        failure ??= { error }
        waiting.length = 0
        failing.abort(error)
      }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane))
  if (failure !== undefined) throw failure.error
}
