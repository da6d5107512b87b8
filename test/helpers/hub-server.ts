/**
 * A hub of models that speaks the HTTP API of Hugging Face's: descriptions of revisions, files by commit, large files on
 * another host behind a redirect. It can be told to misbehave.
 */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What happens to the next request of a file. */
export type Fault =
  | { readonly kind: 'stall' | 'cut'; readonly afterBytes: number }
  | {
      readonly kind:
        | 'wrong-bytes'
        | 'ignore-range'
        | 'too-long'
        | 'other-commit'
        | 'other-size'
        | 'other-range'
    }
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter?: string }

export interface HubRequest {
  readonly host: 'hub' | 'cdn'
  readonly url: string
  readonly authorization: string | null
  readonly range: string | null
}

export interface HubServer {
  readonly url: string
  /** Of every request, in order. */
  readonly requests: HubRequest[]
  /** Sets what the revision `main` of a repository is. Returns its commit. */
  publish(repo: string, files: Readonly<Record<string, Uint8Array | string>>): string
  /** Faults for the next requests of a file, or of `api`. */
  fail(path: string, ...faults: Fault[]): void
  requireToken(token: string | null): void
  /** Changes the description of revisions before it is sent. */
  describe(change: ((json: Record<string, unknown>) => unknown) | null): void
  /** Resolves when a file has stalled since the last fail(). */
  stalled(): Promise<void>
  close(): Promise<void>
}

const LARGE = /\.(safetensors|onnx|onnx_data)$/
const sha = (algorithm: string, ...parts: (string | Uint8Array)[]) => {
  const hash = createHash(algorithm)
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

export async function startHubServer(): Promise<HubServer> {
  const revisions = new Map<string, Map<string, string>>()
  const commits = new Map<string, Map<string, Buffer>>()
  const faults = new Map<string, Fault[]>()
  const requests: HubRequest[] = []
  let token: string | null = null
  let change: ((json: Record<string, unknown>) => unknown) | null = null
  let stall = Promise.withResolvers<void>()

  const note = (host: HubRequest['host'], request: IncomingMessage) =>
    requests.push({
      host,
      url: request.url ?? '',
      authorization: request.headers.authorization ?? null,
      range: request.headers.range ?? null,
    })
  const refuse = (response: ServerResponse, status: number, headers: Record<string, string> = {}) =>
    response.writeHead(status, headers).end()

  function describe(repo: string, commit: string): unknown {
    const siblings = [...commits.get(commit)!].map(([rfilename, bytes]) => ({
      rfilename,
      size: bytes.length,
      ...(LARGE.test(rfilename)
        ? {
            blobId: sha('sha1', 'pointer', bytes),
            lfs: { sha256: sha('sha256', bytes), size: bytes.length, pointerSize: 134 },
          }
        : { blobId: sha('sha1', `blob ${bytes.length}\0`, bytes) }),
    }))
    const json = { id: repo, sha: commit, siblings }
    return change === null ? json : change(json)
  }

  function send(
    response: ServerResponse,
    bytes: Buffer,
    range: string | null,
    fault: Fault | undefined,
  ): void {
    const asked = fault?.kind === 'ignore-range' ? null : /^bytes=(\d+)-$/.exec(range ?? '')
    const from = asked === null ? 0 : Number(asked[1])
    let body = Buffer.from(bytes.subarray(from))
    if (fault?.kind === 'wrong-bytes') body[body.length - 1]! ^= 1
    if (fault?.kind === 'too-long') body = Buffer.concat([body, Buffer.from('and more')])
    const start = fault?.kind === 'other-range' ? from + 1 : from
    response.writeHead(asked === null ? 200 : 206, {
      'content-length': body.length,
      ...(asked === null ? {} : { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
    })
    if (fault?.kind === 'stall' || fault?.kind === 'cut') {
      response.write(body.subarray(0, fault.afterBytes), () => {
        if (fault.kind === 'cut') response.socket?.end()
        else stall.resolve()
      })
      return
    }
    response.end(body)
  }

  const cdn = createServer((request, response) => {
    note('cdn', request)
    const [, commit = '', ...path] = decodeURIComponent(new URL(request.url!, 'http://cdn').pathname).split(
      '/',
    )
    const name = path.join('/')
    const bytes = commits.get(commit)?.get(name)
    // As a store of signed URLs does: credentials of another service are an error.
    if (bytes === undefined || request.headers.authorization !== undefined) return refuse(response, 400)
    return send(response, bytes, request.headers.range ?? null, faults.get(name)?.shift())
  })
  const cdnUrl = await listen(cdn)

  const hub = createServer((request, response) => {
    note('hub', request)
    const path = decodeURIComponent(new URL(request.url!, 'http://hub').pathname)
    if (token !== null && request.headers.authorization !== `Bearer ${token}`)
      return refuse(response, 401, { 'x-error-code': 'GatedRepo' })
    const described = /^\/api\/models\/(.+)\/revision\/(.+)$/.exec(path)
    if (described !== null) {
      const [, repo = '', revision = ''] = described
      const fault = faults.get('api')?.shift()
      if (fault?.kind === 'status') return refuse(response, fault.status, pause(fault))
      const commit = revisions.get(repo)?.get(revision)
      if (commit === undefined) return refuse(response, 404)
      return response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify(describe(repo, commit)))
    }
    const [, repo = '', commit = '', name = ''] = /^\/(.+)\/resolve\/([^/]+)\/(.+)$/.exec(path) ?? []
    const bytes = revisions.get(repo)?.has(commit) === true ? commits.get(commit)?.get(name) : undefined
    if (bytes === undefined) return refuse(response, 404)
    const fault = faults.get(name)?.[0]
    if (fault?.kind === 'status') {
      faults.get(name)!.shift()
      return refuse(response, fault.status, pause(fault))
    }
    const headers = { 'x-repo-commit': fault?.kind === 'other-commit' ? '0'.repeat(40) : commit }
    if (!LARGE.test(name)) {
      faults.get(name)?.shift()
      for (const [header, value] of Object.entries(headers)) response.setHeader(header, value)
      return send(response, bytes, request.headers.range ?? null, fault)
    }
    return response
      .writeHead(302, {
        ...headers,
        location: `${cdnUrl}/${commit}/${name}?signature=x`,
        'x-linked-size': fault?.kind === 'other-size' ? bytes.length + 1 : bytes.length,
        'x-linked-etag': `"${sha('sha256', bytes)}"`,
      })
      .end()
  })
  const url = await listen(hub)

  return {
    url,
    requests,
    publish(repo, files) {
      const contents = new Map(Object.entries(files).map(([name, bytes]) => [name, Buffer.from(bytes)]))
      const commit = sha('sha1', repo, ...[...contents].flat())
      commits.set(commit, contents)
      const known = revisions.get(repo) ?? new Map<string, string>()
      revisions.set(repo, known.set('main', commit).set(commit, commit))
      return commit
    },
    fail(path, ...given) {
      faults.set(path, given)
      stall = Promise.withResolvers<void>()
    },
    requireToken(given) {
      token = given
    },
    describe(given) {
      change = given
    },
    stalled: () => stall.promise,
    async close() {
      await Promise.all([hub, cdn].map(close))
    },
  }
}

const pause = ({ retryAfter }: { retryAfter?: string }): Record<string, string> =>
  retryAfter === undefined ? {} : { 'retry-after': retryAfter }

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function close(server: Server): Promise<void> {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(() => resolve()))
}
