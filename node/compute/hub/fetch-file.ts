/** One file of a hub, resumed where it was left, and there under its name only when its bytes are what they have to be. */
import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import { type HubFile, type Patience, patiently, refusalWithPause } from './hub-api.ts'
import type { HubHttp } from './hub-http.ts'

const PARTIAL = '.partial'

interface Init {
  readonly hub: string
  readonly repo: string
  readonly commit: string
  readonly file: HubFile
  /** Where the file goes; what has come of it lies beside, until it is whole. */
  readonly target: string
  readonly patience: Patience
  readonly now: () => number
  readonly signal: AbortSignal
  /** Bytes that are there, of `file.sizeBytes`. */
  readonly onProgress: (doneBytes: number) => void
}

const lies = (file: HubFile, problem: string) =>
  new VillageError('HUB_ANSWER_INVALID', `${file.path}: ${problem}`, { fields: { file: file.path } })

const corrupt = (file: HubFile) =>
  new VillageError('HUB_FILE_CORRUPT', `${file.path} is not what the hub says it is`, {
    fields: { file: file.path },
  })

/** Git hashes a header before the bytes. */
function startHash({ hash, sizeBytes }: HubFile): Hash {
  if (hash.kind === 'sha256') return createHash('sha256')
  return createHash('sha1').update(`blob ${sizeBytes}\0`)
}

const sizeOf = async (file: string): Promise<number | null> =>
  (await stat(file).catch(() => null))?.size ?? null

/**
 * Throws HUB_FILE_CORRUPT when the bytes were wrong twice, HUB_ANSWER_INVALID when the hub contradicts its own description, and
 * what `patiently` gives up with; the part that has come stays for the next call.
 */
export async function fetchFile(components: { http: HubHttp }, init: Init): Promise<void> {
  const { file, target, patience, signal } = init
  if ((await sizeOf(target)) === file.sizeBytes) {
    init.onProgress(file.sizeBytes)
    return
  }
  const partial = `${target}${PARTIAL}`
  await mkdir(path.dirname(target), { recursive: true, mode: 0o700 })
  const fetchOnce = async () => {
    // Only bytes that never came before are progress: a hub may send the same ones again and again.
    let furthest = (await sizeOf(partial)) ?? 0
    const attempt = (progressed: () => void) => {
      const reached = (bytes: number) => {
        if (bytes <= furthest) return
        furthest = bytes
        progressed()
      }
      return fetchRest(components, { ...init, partial, reached })
    }
    await patiently(attempt, { patience, signal })
  }
  for (let tries = 0; ; tries++) {
    if ((await sizeOf(partial)) !== file.sizeBytes) await fetchOnce()
    if ((await hashOf(partial, file, signal)) === file.hash.hex) break
    await rm(partial, { force: true })
    if (tries > 0) throw corrupt(file)
  }
  await rename(partial, target)
}

async function hashOf(partial: string, file: HubFile, signal: AbortSignal): Promise<string> {
  const hash = startHash(file)
  if (file.sizeBytes > 0)
    for await (const chunk of createReadStream(partial, { signal })) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

/** Fetches what is missing; throws when the connection ends before. */
async function fetchRest(
  { http }: { http: HubHttp },
  init: Init & { partial: string; reached: (bytes: number) => void },
): Promise<void> {
  const { hub, repo, commit, file, partial, signal } = init
  const known = (await sizeOf(partial)) ?? 0
  const from = known < file.sizeBytes ? known : 0
  const encoded = file.path.split('/').map(encodeURIComponent).join('/')
  const answer = await http.get(`${hub.replace(/\/$/, '')}/${repo}/resolve/${commit}/${encoded}`, {
    signal,
    headers: from === 0 ? {} : { range: `bytes=${from}-` },
  })
  try {
    if (answer.status !== 200 && answer.status !== 206) throw refusalWithPause(answer, file.path, init.now())
    checkTrail(answer.trail, init)
    const start = answer.status === 206 ? rangeStart(answer.headers['content-range'], file) : 0
    if (start > from) throw lies(file, 'the hub sends another range than it was asked for')
    const handle = await open(partial, from === 0 ? 'w' : 'r+')
    try {
      await handle.truncate(start)
      await write(handle, start, answer.body, init)
      await handle.sync()
    } finally {
      await handle.close()
    }
  } finally {
    answer.discard()
  }
}

async function write(
  handle: FileHandle,
  start: number,
  body: AsyncIterable<Uint8Array>,
  init: Init & { reached: (bytes: number) => void },
): Promise<void> {
  const { file } = init
  let at = start
  for await (const chunk of body) {
    if (at + chunk.byteLength > file.sizeBytes) throw lies(file, 'the hub sends more bytes than the file has')
    await writeAll(handle, chunk, at, file)
    at += chunk.byteLength
    init.reached(at)
    init.onProgress(at)
  }
  if (at < file.sizeBytes)
    throw new VillageError('HUB_UNREACHABLE', `${file.path} ended after ${at} of ${file.sizeBytes} bytes`, {
      fields: { file: file.path },
    })
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, at: number, file: HubFile): Promise<void> {
  try {
    for (let done = 0; done < bytes.byteLength; )
      done += (await handle.write(bytes, done, bytes.byteLength - done, at + done)).bytesWritten
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error
    throw new VillageError('DISK_FULL', `There is no room for ${file.path}`, { cause: error })
  }
}

/** What a hub says of a file on the way has to be what it said in its list. */
function checkTrail(trail: readonly NodeJS.Dict<string | string[]>[], { file, commit }: Init): void {
  for (const headers of trail) {
    const repoCommit = headers['x-repo-commit']
    if (repoCommit !== undefined && repoCommit !== commit) throw lies(file, 'it comes from another revision')
    const size = headers['x-linked-size']
    if (size !== undefined && Number(size) !== file.sizeBytes) throw lies(file, 'it has another size')
    const tag = headers['x-linked-etag']
    if (typeof tag !== 'string') continue
    const hex = tag.replace(/^W\//, '').replaceAll('"', '')
    if (/^[0-9a-f]{64}$/.test(hex) && file.hash.kind === 'sha256' && hex !== file.hash.hex)
      throw lies(file, 'it has another hash')
  }
}

function rangeStart(header: string | undefined, file: HubFile): number {
  const [, start, , total] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(header ?? '') ?? []
  if (start === undefined || (total !== '*' && Number(total) !== file.sizeBytes))
    throw lies(file, 'the hub answers with a range that is not valid')
  return Number(start)
}
