/** Talks to the daemon: requests, and the stream of events. */
import { takeBegun } from './first-reads.js'
import { authorization } from './token.js'

const MIN_RETRY_MS = 1_000
const MAX_RETRY_MS = 15_000

export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {{ code?: string, detail?: string, fix?: string, fields?: Record<string, unknown> }} problem
   */
  constructor(status, problem) {
    super(problem.detail ?? `The daemon answered with status ${status}.`)
    this.status = status
    this.code = problem.code ?? 'INTERNAL'
    this.fix = problem.fix ?? ''
    this.fields = problem.fields ?? {}
  }
}

/** @param {string} method @param {string} path @param {unknown} [body] @param {RequestInit} [init] */
async function open(method, path, body, init = {}) {
  /** @type {Response} */
  let response
  try {
    response = await ((method === 'GET' && takeBegun(path)) ||
      fetch(path, {
        method,
        ...init,
        headers: {
          authorization: authorization(),
          ...(body === undefined
            ? {}
            : { 'content-type': body instanceof Blob ? 'application/octet-stream' : 'application/json' }),
          ...init.headers,
        },
        ...(body === undefined ? {} : { body: body instanceof Blob ? body : JSON.stringify(body) }),
      }))
  } catch (error) {
    if (init.signal?.aborted) throw error
    throw new ApiError(0, {
      code: 'DAEMON_NOT_RUNNING',
      detail: 'The daemon does not answer.',
      fix: 'Start it, as a service or with `village start`: this page goes on by itself when it answers.',
    })
  }
  if (!response.ok) throw new ApiError(response.status, await response.json().catch(() => ({})))
  return response
}

/** @param {string} path @param {{ signal?: AbortSignal }} [init] */
export const get = async (path, init) => (await open('GET', path, undefined, init)).json()
/** What is no JSON. @param {string} path @param {RequestInit} [init] */
export const getText = async (path, init) => (await open('GET', path, undefined, init)).text()
/**
 * @param {'POST' | 'PUT' | 'PATCH' | 'DELETE'} method @param {string} path @param {unknown} [body]
 * @param {{ signal?: AbortSignal, headers?: Record<string, string> }} [init] a body that is no octets names its type in the headers
 */
export const send = async (method, path, body, init) => (await open(method, path, body, init)).json()

/** @param {string} path @param {string} name */
export async function download(path, name) {
  const blob = await (await open('GET', path)).blob()
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

/** @param {string} block */
function parseEvent(block) {
  /** @type {Record<string, string>} */
  const fields = {}
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 1).trim()
  }
  return fields.event === undefined || fields.data === undefined
    ? null
    : { id: fields.id ?? '', type: fields.event, data: JSON.parse(fields.data) }
}

/** @param {Response} response */
async function* events(response) {
  let rest = ''
  const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body)
    .pipeThrough(new TextDecoderStream())
    .getReader()
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      rest += part.value
      const blocks = rest.split('\n\n')
      rest = blocks.pop() ?? ''
      for (const event of blocks.map(parseEvent)) if (event !== null) yield event
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

/**
 * The text of a model, as it is made: `token` events, then `done` with the whole.
 * @param {string} path @param {unknown} body @param {AbortSignal} signal
 */
export async function* stream(path, body, signal) {
  for await (const event of events(await open('POST', path, body, { signal }))) {
    if (event.type === 'error') throw new ApiError(event.data.status, event.data)
    yield event
  }
}

/**
 * Follows the events until the signal aborts; connects again by itself and resumes where it was. EventSource could not
 * send the token in a header.
 * @param {{ signal: AbortSignal, onEvent(event: { id: string, type: string, data: any }): void, onState(live: boolean): void, onRefused(error: ApiError): void }} init
 */
export async function followEvents({ signal, onEvent, onState, onRefused }) {
  let lastId = ''
  let retryMs = MIN_RETRY_MS
  while (!signal.aborted) {
    try {
      const response = await open('GET', '/api/v1/events', undefined, {
        signal,
        headers: lastId === '' ? {} : { 'last-event-id': lastId },
      })
      onState(true)
      retryMs = MIN_RETRY_MS
      for await (const event of events(response)) {
        lastId = event.id
        onEvent(event)
      }
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof ApiError && error.status === 401) return onRefused(error)
    }
    onState(false)
    await new Promise((resolve) => setTimeout(resolve, retryMs))
    retryMs = Math.min(MAX_RETRY_MS, retryMs * 2)
  }
}
