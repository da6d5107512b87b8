/** The hub's HTTP API: what a revision of a model is made of. Its answers are checked as any peer's are. */
import { setTimeout as sleep } from 'node:timers/promises'
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject } from '../../json.ts'
import type { HubAnswer, HubHttp } from './hub-http.ts'

/** A file of a revision, and what its bytes have to be. */
export interface HubFile {
  /** Relative, checked: letters, digits, dots, dashes and underscores between slashes. */
  readonly path: string
  readonly sizeBytes: number
  /** Hex. SHA-256 of the bytes for a large file, the SHA-1 of the git blob for any other. */
  readonly hash: { readonly kind: 'sha256' | 'git-sha1'; readonly hex: string }
}

export interface HubModel {
  readonly repo: string
  /** What the revision was when it was asked for: every file comes from it. */
  readonly commit: string
  readonly files: readonly HubFile[]
}

export interface Patience {
  /** Failures in a row without a byte more. */
  readonly attempts: number
  /** Doubled from try to try. */
  readonly backoffMs: number
  /** A hub that asks for a longer pause is not waited for. */
  readonly maxPauseMs: number
}

const REPO = /^[A-Za-z0-9][A-Za-z0-9._-]{0,95}(\/[A-Za-z0-9][A-Za-z0-9._-]{0,95})?$/
const REVISION = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,254}$/
const PATH = /^([A-Za-z0-9_][A-Za-z0-9._-]{0,199})(\/[A-Za-z0-9_][A-Za-z0-9._-]{0,199}){0,5}$/
const COMMIT = /^[0-9a-f]{40,64}$/
const SHA1 = /^[0-9a-f]{40}$/
const SHA256 = /^[0-9a-f]{64}$/
const MAX_ANSWER_BYTES = 32 * 2 ** 20
const MAX_FILES = 100_000
const MAX_FILE_BYTES = 2 ** 42
const MAX_BACKOFF_MS = 30_000

/** `OWNER/NAME[@REVISION]`; throws INVALID_ARGUMENT. */
export function parseRepo(text: string): { repo: string; revision: string } {
  const [repo = '', revision = 'main', ...more] = text.split('@')
  if (more.length > 0 || !REPO.test(repo) || !REVISION.test(revision) || revision.includes('..'))
    throw new VillageError('INVALID_ARGUMENT', 'A model of a hub is OWNER/NAME or OWNER/NAME@REVISION', {
      fields: { argument: 'source' },
    })
  return { repo, revision }
}

/** Seconds or a date; null where it is neither. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | null {
  if (header === undefined) return null
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000
  const at = Date.parse(header)
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs)
}

/** What an answer other than success means; `what` begins the sentence. */
export function refusal(answer: Pick<HubAnswer, 'status' | 'headers'>, what: string): VillageError {
  const { status, headers } = answer
  const fields = { status }
  if (status === 401 || status === 403)
    return new VillageError(
      'HUB_REFUSED',
      headers['x-error-code'] === 'GatedRepo'
        ? `${what} is gated: accept its terms on the hub, and set HF_TOKEN`
        : `${what} is refused: it needs a token (HF_TOKEN), or is not there`,
      { fields },
    )
  if (status === 404) return new VillageError('HUB_NOT_FOUND', `${what} is not there`, { fields })
  if (status === 429) return new VillageError('HUB_RATE_LIMITED', undefined, { fields })
  if (status >= 500)
    return new VillageError('HUB_UNREACHABLE', `The hub fails with status ${status}`, { fields })
  return new VillageError('HUB_ANSWER_INVALID', `${what}: the hub answers with status ${status}`, { fields })
}

/** Whether another try may help. */
export function isPassing(error: unknown): boolean {
  const code = error instanceof VillageError ? error.code : null
  return code === 'HUB_UNREACHABLE' || code === 'HUB_STALLED' || code === 'HUB_RATE_LIMITED'
}

/**
 * Calls `attempt` until it succeeds, fails for good, or has failed `attempts` times in a row; it says by `progressed` that
 * something came, which starts the count anew. Throws the last failure.
 */
export async function patiently<T>(
  attempt: (progressed: () => void) => Promise<T>,
  init: { patience: Patience; signal: AbortSignal },
): Promise<T> {
  const { attempts, backoffMs, maxPauseMs } = init.patience
  for (let failures = 0; ; ) {
    try {
      return await attempt(() => {
        failures = 0
      })
    } catch (error) {
      init.signal.throwIfAborted()
      failures += 1
      if (!isPassing(error) || failures >= attempts) throw error
      const asked = (error as VillageError).fields.retryAfterMs
      const pauseMs =
        typeof asked === 'number' ? asked : Math.min(MAX_BACKOFF_MS, backoffMs * 2 ** (failures - 1))
      if (pauseMs > maxPauseMs) throw error
      await sleep(pauseMs, undefined, { signal: init.signal })
    }
  }
}

/** A refusal with how long the hub asks to be left alone. */
export function refusalWithPause(answer: HubAnswer, what: string, nowMs: number): VillageError {
  answer.discard()
  const error = refusal(answer, what)
  const pauseMs = retryAfterMs(answer.headers['retry-after'], nowMs)
  if (pauseMs === null || !isPassing(error)) return error
  return new VillageError(error.code, error.message, { fields: { ...error.fields, retryAfterMs: pauseMs } })
}

/**
 * Throws HUB_NOT_FOUND, HUB_REFUSED, HUB_RATE_LIMITED, HUB_UNREACHABLE, HUB_STALLED, and HUB_ANSWER_INVALID with the field
 * that is wrong.
 */
export async function readModel(
  components: { http: HubHttp },
  init: {
    hub: string
    repo: string
    revision: string
    patience: Patience
    now: () => number
    signal: AbortSignal
  },
): Promise<HubModel> {
  const { hub, repo, revision, patience, signal } = init
  const url = `${hub.replace(/\/$/, '')}/api/models/${repo}/revision/${encodeURIComponent(revision)}?blobs=true`
  const json = await patiently(
    async () => {
      const answer = await components.http.get(url, { signal, headers: { accept: 'application/json' } })
      if (answer.status !== 200)
        throw refusalWithPause(answer, `The revision "${revision}" of ${repo}`, init.now())
      return readJson(answer)
    },
    { patience, signal },
  )
  return parseModel(json, repo)
}

const invalid = (field: string) =>
  new VillageError('HUB_ANSWER_INVALID', `The hub's description of the model has no valid "${field}"`, {
    fields: { field },
  })

async function readJson(answer: HubAnswer): Promise<unknown> {
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  for await (const chunk of answer.body) {
    sizeBytes += chunk.byteLength
    if (sizeBytes > MAX_ANSWER_BYTES) {
      answer.discard()
      throw new VillageError('HUB_ANSWER_INVALID', "The hub's description of the model is too long")
    }
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch (error) {
    throw new VillageError('HUB_ANSWER_INVALID', "The hub's description of the model is no JSON", {
      cause: error,
    })
  }
}

export function parseModel(json: unknown, repo: string): HubModel {
  if (!isJsonObject(json)) throw invalid('')
  const { sha, siblings } = json
  if (typeof sha !== 'string' || !COMMIT.test(sha)) throw invalid('sha')
  if (!Array.isArray(siblings) || siblings.length > MAX_FILES) throw invalid('siblings')
  const files = siblings.flatMap((one) => {
    if (!isJsonObject(one) || typeof one.rfilename !== 'string') throw invalid('siblings.rfilename')
    // A file whose name is not plain is left where it is.
    return PATH.test(one.rfilename) && !one.rfilename.includes('..') ? [parseFile(one.rfilename, one)] : []
  })
  if (new Set(files.map(({ path }) => path.toLowerCase())).size < files.length)
    throw invalid('siblings.rfilename')
  return { repo, commit: sha, files }
}

function parseFile(path: string, json: JsonObject): HubFile {
  const { lfs = null } = json
  const size = isJsonObject(lfs) ? (lfs.size ?? json.size) : json.size
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0 || size > MAX_FILE_BYTES)
    throw invalid(`size of ${path}`)
  if (isJsonObject(lfs)) {
    const hex = lfs.sha256 ?? lfs.oid
    if (typeof hex !== 'string' || !SHA256.test(hex)) throw invalid(`lfs.sha256 of ${path}`)
    return { path, sizeBytes: size, hash: { kind: 'sha256', hex } }
  }
  if (typeof json.blobId !== 'string' || !SHA1.test(json.blobId)) throw invalid(`blobId of ${path}`)
  return { path, sizeBytes: size, hash: { kind: 'git-sha1', hex: json.blobId } }
}
