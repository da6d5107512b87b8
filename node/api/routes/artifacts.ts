/** Routes of the artifact store: list, upload, read with ranges, pins, fetch from peers, CAR files. */
import path from 'node:path'
import { Readable } from 'node:stream'
import { VillageError } from '../../errors.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import { NEXT, PAGE_QUERY, type PageQuery, pageOf } from '../page.ts'
import { parseRange } from '../range.ts'
import { ARTIFACT, amount, anyText, DONE, listOf, object, text, USAGE } from '../schemas.ts'
import { checkUserPin } from '../user-pin.ts'
import { RawReply, type Route, route } from './route.ts'

const tag = 'artifacts'
const CID = text(128)
const NAME = text(255)
const OCTETS = 'application/octet-stream'
export const CAR_MEDIA_TYPE = 'application/vnd.ipld.car'
const READ_BYTES = 2 ** 20
const MAX_EXPORTED = 100
/** Ed25519 peer IDs, which all nodes have, in base58btc (libp2p peer ID specification). */
const PEER_ID = /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/

type None = Record<string, never>

async function known(artifacts: Pick<Artifacts, 'info'>, cid: string) {
  const info = await artifacts.info(cid)
  if (info === null)
    throw new VillageError('ARTIFACT_MISSING', 'This node does not have the artifact', { fields: { cid } })
  return info
}

function absolute(file: string, field: string): string {
  if (!path.isAbsolute(file) || file.includes('\0'))
    throw new VillageError('INVALID_ARGUMENT', `${field} must be an absolute path`, { fields: { field } })
  return file
}

async function* readRange(
  artifacts: Pick<Artifacts, 'read'>,
  cid: string,
  range: { offset: number; length: number },
): AsyncGenerator<Uint8Array> {
  const end = range.offset + range.length
  for (let offset = range.offset; offset < end; offset += READ_BYTES)
    yield await artifacts.read(cid, { offset, length: Math.min(READ_BYTES, end - offset) })
}

export const ARTIFACT_ROUTES: readonly Route[] = [
  route<None, PageQuery & { pin?: string }>({
    method: 'GET',
    path: '/api/v1/artifacts',
    scope: 'read',
    tag,
    id: 'listArtifacts',
    summary:
      'The artifacts that this node holds, oldest first and at most `limit` (1000) after `cursor`, and what all of them take; with `pin`, those that are kept under this name.',
    query: object({ ...PAGE_QUERY, pin: NAME }, [...Object.keys(PAGE_QUERY), 'pin']),
    response: {
      kind: 'json',
      status: 200,
      schema: object({ artifacts: listOf(ARTIFACT), usage: USAGE, ...NEXT }),
    },
    handle: async ({ query }, { artifacts }) => {
      const { pin, ...asked } = query
      const all = await artifacts.list()
      const kept = pin === undefined ? all : all.filter(({ pins }) => pins.includes(pin))
      const { page, next } = pageOf(kept, ({ cid }) => cid, asked)
      return { artifacts: page, usage: artifacts.usage(), next }
    },
  }),
  route<None, { name?: string; pin?: string }, Readable>({
    method: 'POST',
    path: '/api/v1/artifacts',
    scope: 'operate',
    tag,
    id: 'uploadArtifact',
    summary: 'Stores the body as an artifact. Bounded by the disk share, not by api.maxBodyBytes.',
    query: object({ name: NAME, pin: NAME }, ['name', 'pin']),
    body: { kind: 'stream', mediaType: OCTETS },
    response: { kind: 'json', status: 201, schema: ARTIFACT },
    errors: ['DISK_FULL'],
    slow: true,
    handle: async ({ query, body, signal }, { artifacts }) => {
      checkUserPin(query.pin, 'query.pin')
      return artifacts.addStream(body, { ...query, signal })
    },
  }),
  route<None, None, { path: string; name?: string; pin?: string }>({
    method: 'POST',
    path: '/api/v1/artifacts/path',
    scope: 'operate',
    tag,
    id: 'addArtifactPath',
    summary: 'Stores a file or a directory of the machine that the daemon runs on.',
    body: { kind: 'json', schema: object({ path: text(4096), name: NAME, pin: NAME }, ['name', 'pin']) },
    response: { kind: 'json', status: 201, schema: ARTIFACT },
    errors: ['DISK_FULL', 'FILE_UNREADABLE'],
    slow: true,
    handle: async ({ body, signal }, { artifacts }) => {
      const { path: file, ...options } = body
      checkUserPin(body.pin, 'body.pin')
      return artifacts.addPath(absolute(file, 'body.path'), { ...options, signal })
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/artifacts/gc',
    scope: 'operate',
    tag,
    id: 'collectArtifacts',
    summary: 'Removes the blocks that no pin needs.',
    response: { kind: 'json', status: 200, schema: object({ removedBlocks: amount, freedBytes: amount }) },
    slow: true,
    handle: async (_request, { artifacts }) => artifacts.collect(),
  }),
  route<None, { cids: string }>({
    method: 'GET',
    path: '/api/v1/artifacts/export',
    scope: 'operate',
    tag,
    id: 'exportArtifacts',
    summary: 'A CAR file (version 1) of the artifacts named, for a USB stick or any IPFS tool.',
    query: object({ cids: text(MAX_EXPORTED * 129) }),
    response: { kind: 'raw', status: 200, mediaType: CAR_MEDIA_TYPE },
    errors: ['ARTIFACT_MISSING'],
    slow: true,
    handle: async ({ query, signal }, { artifacts }) => {
      const cids = query.cids.split(',').filter((cid) => cid !== '')
      if (cids.length === 0 || cids.length > MAX_EXPORTED)
        throw new VillageError('INVALID_ARGUMENT', `query.cids must name 1 to ${MAX_EXPORTED} artifacts`, {
          fields: { field: 'query.cids' },
        })
      for (const cid of cids) await known(artifacts, cid)
      const headers = {
        'content-type': CAR_MEDIA_TYPE,
        'content-disposition': 'attachment; filename="artifacts.car"',
      }
      return new RawReply(
        200,
        headers,
        Readable.from(artifacts.exportCar(cids, { signal }), { objectMode: false }),
      )
    },
  }),
  route<None, { pin?: string }, Readable>({
    method: 'POST',
    path: '/api/v1/artifacts/import',
    scope: 'operate',
    tag,
    id: 'importArtifacts',
    summary: 'Stores the artifacts of a CAR file; every block is verified.',
    query: object({ pin: NAME }, ['pin']),
    body: { kind: 'stream', mediaType: CAR_MEDIA_TYPE },
    response: { kind: 'json', status: 201, schema: object({ artifacts: listOf(ARTIFACT) }) },
    errors: ['DISK_FULL'],
    slow: true,
    handle: async ({ query, body, signal }, { artifacts }) => {
      checkUserPin(query.pin, 'query.pin')
      return { artifacts: await artifacts.importCar(body, { ...query, signal }) }
    },
  }),
  route<{ cid: string }>({
    method: 'GET',
    path: '/api/v1/artifacts/:cid',
    scope: 'read',
    tag,
    id: 'getArtifact',
    summary: 'One artifact.',
    params: object({ cid: CID }),
    response: { kind: 'json', status: 200, schema: ARTIFACT },
    errors: ['ARTIFACT_MISSING'],
    handle: async ({ params }, { artifacts }) => known(artifacts, params.cid),
  }),
  route<{ cid: string }>({
    method: 'GET',
    path: '/api/v1/artifacts/:cid/content',
    scope: 'read',
    tag,
    id: 'readArtifact',
    summary: 'The bytes of a file artifact; one byte range may be asked for.',
    params: object({ cid: CID }),
    response: { kind: 'raw', status: 200, mediaType: OCTETS },
    errors: ['ARTIFACT_MISSING', 'API_RANGE'],
    slow: true,
    handle: async ({ params, headers, signal }, { artifacts }) => {
      const info = await known(artifacts, params.cid)
      if (!info.complete)
        throw new VillageError('ARTIFACT_MISSING', 'The artifact is not complete on this node', {
          fields: { cid: info.cid },
        })
      if (info.kind === 'directory')
        throw new VillageError('INVALID_ARGUMENT', 'The artifact is a directory; materialize or export it', {
          fields: { field: 'params.cid' },
        })
      const etag = `"${info.cid}"`
      const shared = {
        etag,
        'accept-ranges': 'bytes',
        'content-type': OCTETS,
        'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(info.name ?? info.cid)}`,
      }
      if (headers['if-none-match'] === etag) return new RawReply(304, shared, null)
      const current = headers['if-range'] === undefined || headers['if-range'] === etag
      const range = current ? parseRange(headers.range as string | undefined, info.sizeBytes) : null
      if (range === null)
        return new RawReply(
          200,
          { ...shared, 'content-length': String(info.sizeBytes) },
          Readable.from(artifacts.stream(info.cid, { signal }), { objectMode: false }),
        )
      return new RawReply(
        206,
        {
          ...shared,
          'content-length': String(range.length),
          'content-range': `bytes ${range.offset}-${range.offset + range.length - 1}/${info.sizeBytes}`,
        },
        Readable.from(readRange(artifacts, info.cid, range), { objectMode: false }),
      )
    },
  }),
  route<{ cid: string }, None, { directory: string }>({
    method: 'POST',
    path: '/api/v1/artifacts/:cid/materialize',
    scope: 'admin',
    tag,
    id: 'materializeArtifact',
    summary: 'Writes a file or directory artifact below a directory of the machine that the daemon runs on.',
    params: object({ cid: CID }),
    body: { kind: 'json', schema: object({ directory: text(4096) }) },
    response: { kind: 'json', status: 200, schema: object({ path: anyText }) },
    errors: ['ARTIFACT_MISSING', 'DISK_FULL'],
    slow: true,
    handle: async ({ params, body }, { artifacts }) => {
      await known(artifacts, params.cid)
      return { path: await artifacts.materialize(params.cid, absolute(body.directory, 'body.directory')) }
    },
  }),
  route<{ cid: string }, None, { pin?: string; providers?: string[] }>({
    method: 'POST',
    path: '/api/v1/artifacts/:cid/fetch',
    scope: 'operate',
    tag,
    id: 'fetchArtifact',
    summary:
      'Fetches an artifact from the village; answers when it is complete. artifact:progress events tell how far.',
    params: object({ cid: CID }),
    body: {
      kind: 'json',
      schema: object({ pin: NAME, providers: { type: 'array', maxItems: 32, items: text(128) } }, [
        'pin',
        'providers',
      ]),
    },
    response: { kind: 'json', status: 200, schema: ARTIFACT },
    errors: ['ARTIFACT_UNAVAILABLE', 'DISK_FULL'],
    slow: true,
    handle: async ({ params, body, signal }, { artifacts }) => {
      checkUserPin(body.pin, 'body.pin')
      if (body.providers?.some((peer) => !PEER_ID.test(peer)) === true)
        throw new VillageError('INVALID_ARGUMENT', 'body.providers must hold peer IDs such as 12D3KooW…', {
          fields: { field: 'body.providers' },
        })
      return artifacts.fetch(params.cid, { ...body, signal })
    },
  }),
  route<{ cid: string; name: string }>({
    method: 'PUT',
    path: '/api/v1/artifacts/:cid/pins/:name',
    scope: 'operate',
    tag,
    id: 'pinArtifact',
    summary: 'Keeps an artifact from collection under a name.',
    params: object({ cid: CID, name: NAME }),
    response: { kind: 'json', status: 200, schema: DONE },
    errors: ['ARTIFACT_MISSING'],
    handle: async ({ params }, { artifacts }) => {
      checkUserPin(params.name, 'params.name')
      await known(artifacts, params.cid)
      await artifacts.pin(params.cid, params.name)
      return { done: true }
    },
  }),
  route<{ cid: string; name: string }>({
    method: 'DELETE',
    path: '/api/v1/artifacts/:cid/pins/:name',
    scope: 'operate',
    tag,
    id: 'unpinArtifact',
    summary: 'Takes a pin away; without pins an artifact is collected.',
    params: object({ cid: CID, name: NAME }),
    response: { kind: 'json', status: 200, schema: DONE },
    errors: ['ARTIFACT_MISSING', 'NOT_FOUND'],
    handle: async ({ params }, { artifacts }) => {
      checkUserPin(params.name, 'params.name')
      const { pins } = await known(artifacts, params.cid)
      if (!pins.includes(params.name))
        throw new VillageError('NOT_FOUND', 'The artifact has no pin of this name', {
          fields: { cid: params.cid, pin: params.name },
        })
      await artifacts.unpin(params.cid, params.name)
      return { done: true }
    },
  }),
  route<{ cid: string }, { force?: boolean }>({
    method: 'DELETE',
    path: '/api/v1/artifacts/:cid',
    scope: 'operate',
    tag,
    id: 'removeArtifact',
    summary:
      'Removes an artifact and its pins from this node; one that a model or a job needs, only with force.',
    params: object({ cid: CID }),
    query: object({ force: { type: 'boolean' } }, ['force']),
    response: { kind: 'json', status: 200, schema: DONE },
    errors: ['ARTIFACT_MISSING', 'ARTIFACT_PINNED'],
    handle: async ({ params, query }, { artifacts }) => {
      await known(artifacts, params.cid)
      await artifacts.remove(params.cid, query)
      return { done: true }
    },
  }),
]
