/** A running HTTP API over in-memory services, and a client that speaks to it as a local program does. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { TOKEN_FILE } from '../../node/api/access-files.ts'
import { type Api, createApi } from '../../node/api/api.ts'
import type { Config } from '../../node/config.ts'
import type { Log } from '../../node/log.ts'
import { createMemoryServices, type MemoryServices } from './memory-services.ts'

export interface Answer {
  status: number
  headers: IncomingMessage['headers']
  bytes: Buffer
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever the server answered
  json: any
}

export interface Ask {
  method?: string
  body?: string | Uint8Array | object
  headers?: OutgoingHttpHeaders
  token?: string | null
}

export interface TestApi {
  api: Api
  services: MemoryServices
  directory: string
  token: string
  ask(target: string, init?: Ask): Promise<Answer>
  close(): Promise<void>
}

/** node:http rather than fetch: a test must be able to send any Host, Origin and path as they are. */
export function askHttp(url: string, target: string, init: Ask & { token: string | null }): Promise<Answer> {
  const { hostname, port } = new URL(url)
  const isRaw = typeof init.body === 'string' || init.body instanceof Uint8Array
  const body = init.body === undefined || isRaw ? init.body : JSON.stringify(init.body)
  const headers: OutgoingHttpHeaders = {
    ...(init.token === null ? {} : { authorization: `Bearer ${init.token}` }),
    ...(init.body !== undefined && !isRaw ? { 'content-type': 'application/json' } : {}),
    // node:http frames no body of GET and DELETE by itself.
    ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body as string | Uint8Array) }),
    ...init.headers,
  }
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: hostname, port, path: target, method: init.method ?? 'GET', headers, agent: false },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const bytes = Buffer.concat(chunks)
          const isJson = /json/.test(response.headers['content-type'] ?? '')
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            bytes,
            json: isJson && bytes.length > 0 ? JSON.parse(bytes.toString()) : null,
          })
        })
      },
    )
    request.on('error', reject)
    request.end(body as string | Uint8Array | undefined)
  })
}

export async function startTestApi(
  init: { config?: Partial<Config>; log?: Log; services?: Partial<MemoryServices> } = {},
): Promise<TestApi> {
  const directory = await mkdtemp(path.join(tmpdir(), 'village-api-'))
  const memory = createMemoryServices({ ...init, config: { ...init.config, 'data.dir': directory } })
  const services = { ...memory, ...init.services }
  const api = createApi(services, { directory, version: '0.1.0', startedAtMs: Date.now() })
  try {
    await api.start(new AbortController().signal)
  } catch (error) {
    await api.stop()
    await rm(directory, { recursive: true, force: true })
    throw error
  }
  const token = (await readFile(path.join(directory, TOKEN_FILE), 'utf8')).trim()
  return {
    api,
    services,
    directory,
    token,
    ask: (target, ask = {}) => askHttp(api.url(), target, { token, ...ask }),
    async close() {
      await api.stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
