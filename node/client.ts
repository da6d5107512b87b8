/**
 * A client of the HTTP API: what the command line speaks through, and what the package exports as `aivillage/client`.
 * docs/api.md has the routes. It speaks node:http rather than fetch, which gives up on an answer after
 * five minutes: a fetch of a large artifact may take longer, and Ctrl-C ends it at any time.
 */
import { readFile } from 'node:fs/promises'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { homedir } from 'node:os'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { isErrorCode, VillageError } from './errors.ts'
import type { JsonObject } from './json.ts'

const MAX_ANSWER_BYTES = 64 * 2 ** 20

export interface ServerEvent {
  readonly type: string
  readonly data: JsonObject
}

export interface Client {
  readonly url: string
  /** Opens the dashboard; holds the token. */
  readonly dashboardLink: string
  get<T>(path: string): Promise<T>
  send<T>(method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: object): Promise<T>
  upload<T>(path: string, mediaType: string, source: Readable): Promise<T>
  download(path: string): Promise<IncomingMessage>
  /** Server-sent events that answer a request; throws when a signal aborts, and the daemon then ends its work for it. */
  stream(path: string, body: object, init?: { signal: AbortSignal }): AsyncIterable<ServerEvent>
  /** The error that problem details in an event stand for. */
  problem(details: JsonObject): VillageError
  /** Ends when the daemon ends the stream; throws when the signal aborts. */
  events(
    types: readonly string[],
    init: { lastEventId: string | null; signal?: AbortSignal },
  ): AsyncIterable<ServerEvent & { id: string }>
}

interface Address {
  url: string
  pid: number
  version?: unknown
}

function notRunning(directory: string, cause?: unknown): VillageError {
  return new VillageError('DAEMON_NOT_RUNNING', `No daemon runs on ${directory}`, {
    ...(cause === undefined ? {} : { cause }),
    fields: { directory },
  })
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    // Gone, or a process of another user that was given the number since: no daemon of ours.
    return false
  }
}

/**
 * Where the daemon of a data directory listens, and its token. Throws DAEMON_NOT_RUNNING; what a daemon left behind
 * when it was killed counts as not running, so that the token is not sent to whoever has the port now.
 */
export async function findDaemon(
  directory: string,
): Promise<{ url: string; token: string; version: string | null }> {
  const read = async (name: string) => {
    try {
      return await readFile(path.join(directory, name), 'utf8')
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code === 'ENOENT' || code === 'ENOTDIR') throw notRunning(directory, error)
      throw new VillageError('FILE_UNREADABLE', `${path.join(directory, name)} cannot be read`, {
        cause: error,
      })
    }
  }
  const text = await read('api.json')
  let address: Address
  try {
    address = JSON.parse(text) as Address
    if (typeof address.pid !== 'number' || !/^http:\/\//.test(address.url)) throw new Error('not an address')
  } catch (error) {
    throw notRunning(directory, error)
  }
  if (!alive(address.pid)) throw notRunning(directory)
  const { url, version } = address
  return {
    url,
    token: (await read('api.token')).trim(),
    version: typeof version === 'string' ? version : null,
  }
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    sizeBytes += chunk.byteLength
    if (sizeBytes > MAX_ANSWER_BYTES) throw new VillageError('INTERNAL', 'The daemon’s answer is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Problem details back to the error that they were made from; null where they name no code. */
function fromProblem(details: JsonObject): VillageError | null {
  const { code, detail, fields } = details as {
    code?: string
    detail?: string
    fields?: VillageError['fields']
  }
  if (code === undefined || !isErrorCode(code)) return null
  return new VillageError(code, detail, { fields: fields ?? {} })
}

async function problemError(response: IncomingMessage): Promise<VillageError> {
  const text = await readAll(response)
  try {
    const error = fromProblem(JSON.parse(text) as JsonObject)
    if (error !== null) return error
  } catch (error) {
    return new VillageError('INTERNAL', `The daemon answered with status ${response.statusCode}`, {
      cause: error,
    })
  }
  return new VillageError('INTERNAL', `The daemon answered with status ${response.statusCode}`)
}

/** Splits a byte stream into server-sent events. */
async function* parseEvents(response: IncomingMessage): AsyncGenerator<ServerEvent & { id: string }> {
  let rest = ''
  response.setEncoding('utf8')
  for await (const chunk of response as AsyncIterable<string>) {
    rest += chunk
    for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
      const fields = new Map(
        rest
          .slice(0, end)
          .split('\n')
          .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
      )
      rest = rest.slice(end + 2)
      const [type, data] = [fields.get('event'), fields.get('data')]
      if (type !== undefined && data !== undefined)
        yield { id: fields.get('id') ?? '', type, data: JSON.parse(data) as JsonObject }
    }
  }
}

export function createClient(init: {
  url: string
  token: string
  directory: string
  signal: AbortSignal
}): Client {
  const { url, token, directory, signal } = init

  function open(
    method: string,
    target: string,
    body: { mediaType: string; source: Readable | string } | null,
    headers: Record<string, string> = {},
    ending: AbortSignal = signal,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const request = httpRequest(
        new URL(target, url),
        {
          method,
          signal: ending,
          headers: {
            authorization: `Bearer ${token}`,
            ...(body === null ? {} : { 'content-type': body.mediaType }),
            ...(typeof body?.source === 'string' ? { 'content-length': Buffer.byteLength(body.source) } : {}),
            ...headers,
          },
        },
        (response) => {
          const status = response.statusCode ?? 0
          if (status >= 200 && status < 300) return resolve(response)
          problemError(response).then(reject, reject)
        },
      )
      request.on('error', (error: NodeJS.ErrnoException) => {
        if (ending.aborted) return reject(new VillageError('ABORTED', undefined, { cause: error }))
        if (error.code === 'ECONNREFUSED') return reject(notRunning(directory, error))
        reject(
          new VillageError('DAEMON_NOT_RUNNING', 'The daemon ended the connection before it answered', {
            cause: error,
          }),
        )
      })
      if (body === null) request.end()
      else if (typeof body.source === 'string') request.end(body.source)
      else {
        // When the daemon refuses an upload it answers at once and closes: the answer is what counts, not the EPIPE.
        body.source.on('error', (error) => request.destroy(error))
        body.source.pipe(request)
      }
    })
  }
  const json = async <T>(response: IncomingMessage) => JSON.parse(await readAll(response)) as T

  return {
    url,
    dashboardLink: `${url}/#token=${token}`,
    get: async (target) => json(await open('GET', target, null)),
    send: async (method, target, body) =>
      json(
        await open(
          method,
          target,
          body === undefined ? null : { mediaType: 'application/json', source: JSON.stringify(body) },
        ),
      ),
    upload: async (target, mediaType, source) => json(await open('POST', target, { mediaType, source })),
    download: (target) => open('GET', target, null),
    async *stream(target, body, init) {
      const source = { mediaType: 'application/json', source: JSON.stringify(body) }
      const ending = init === undefined ? signal : AbortSignal.any([signal, init.signal])
      yield* parseEvents(await open('POST', target, source, {}, ending))
    },
    problem: (details) =>
      fromProblem(details) ?? new VillageError('INTERNAL', 'The daemon failed while it answered'),
    async *events(types, { lastEventId, signal: ending }) {
      const response = await open(
        'GET',
        `/api/v1/events?types=${types.join(',')}`,
        null,
        lastEventId === null ? {} : { 'last-event-id': lastEventId },
      )
      const stop = () => response.destroy()
      ending?.addEventListener('abort', stop, { once: true })
      if (ending?.aborted === true) stop()
      try {
        yield* parseEvents(response)
      } finally {
        ending?.removeEventListener('abort', stop)
        response.destroy()
      }
    },
  }
}

/**
 * A client of the daemon that runs on a data directory of this machine (`~/.aivillage` if absent), or of the one at
 * `url` with a key that `village key` made. Every method rejects with a VillageError: its `code` is one of
 * docs/errors.md. Throws DAEMON_NOT_RUNNING.
 */
export async function connect(
  init:
    | { directory?: string; signal?: AbortSignal }
    | { url: string; token: string; signal?: AbortSignal } = {},
): Promise<Client> {
  const signal = init.signal ?? new AbortController().signal
  if ('url' in init) return createClient({ url: init.url, token: init.token, directory: init.url, signal })
  const directory = init.directory ?? path.join(homedir(), '.aivillage')
  return createClient({ ...(await findDaemon(directory)), directory, signal })
}
