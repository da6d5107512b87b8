/** Routes of the model registry. */
import path from 'node:path'
import type { ModelEntry } from '../../compute/models/model-entry.ts'
import type { UnpackRuntime } from '../../compute/models/packed.ts'
import { VillageError } from '../../errors.ts'
import { NEXT, PAGE_QUERY, type PageQuery, pageOf } from '../page.ts'
import { anyText, DONE, flag, listOf, MODEL, MODEL_DETAILS, object, oneOf, text } from '../schemas.ts'
import { type Route, route } from './route.ts'

const tag = 'models'
const ID = text(128)
type None = Record<string, never>

/** What is told of a model: the registry keeps a little more for itself. */
export function modelView(entry: ModelEntry): ModelEntry {
  const { id, cid, name, kind, parameters, sizeBytes, addedAtMs } = entry
  const { source, parent, base, notes, report, doubt, shared } = entry
  const told = { source, parent, base, notes, report, doubt, shared }
  return { id, cid, name, kind, parameters, sizeBytes, addedAtMs, ...told }
}

interface AddBody {
  path?: string
  artifact?: string
  embedded?: string
  id?: string
  file?: string
  tokenizer?: string
  weightsOnly?: boolean
  adapters?: boolean
}

/** Throws INVALID_ARGUMENT for a path that depends on where the daemon was started. */
function absolute(given: string, field: string): string {
  if (path.isAbsolute(given) && !given.includes('\0')) return path.resolve(given)
  throw new VillageError('INVALID_ARGUMENT', `${field} must be an absolute path`, { fields: { field } })
}

export const MODEL_ROUTES: readonly Route[] = [
  route<None, PageQuery>({
    method: 'GET',
    path: '/api/v1/models',
    scope: 'read',
    tag,
    id: 'listModels',
    summary: 'The models that this node knows, oldest first and at most `limit` (1000) after `cursor`.',
    query: object(PAGE_QUERY, Object.keys(PAGE_QUERY)),
    response: { kind: 'json', status: 200, schema: object({ models: listOf(MODEL), ...NEXT }) },
    handle: async ({ query }, { models }) => {
      const { page, next } = pageOf(await models.list(), ({ id }) => id, query)
      return { models: page.map(modelView), next }
    },
  }),
  route<None, None, AddBody>({
    method: 'POST',
    path: '/api/v1/models',
    scope: 'operate',
    tag,
    id: 'addModel',
    summary:
      'Adds a model of this machine (an ONNX file or directory, safetensors, a llama2.c checkpoint), one that is here as an artifact (an upload, a CAR file), or one that comes with the daemon.',
    body: {
      kind: 'json',
      schema: object(
        {
          path: text(4096),
          artifact: text(128),
          embedded: text(128),
          id: ID,
          file: text(1024),
          tokenizer: text(4096),
          weightsOnly: flag,
          adapters: flag,
        },
        ['path', 'artifact', 'embedded', 'id', 'file', 'tokenizer', 'weightsOnly', 'adapters'],
      ),
    },
    response: { kind: 'json', status: 201, schema: MODEL },
    errors: [
      'ARTIFACT_MISSING',
      'MODEL_MALFORMED',
      'MODEL_ID_TAKEN',
      'MODEL_ARCHITECTURE_UNSUPPORTED',
      'MODEL_CONFIG_INVALID',
      'MODEL_MISMATCH',
      'TOKENIZER_INVALID',
      'DISK_FULL',
    ],
    slow: true,
    handle: async ({ body, signal }, { models }) => {
      const { path: file, artifact, embedded, id } = body
      const name = id === undefined ? {} : { id }
      if ([file, artifact, embedded].filter((given) => given !== undefined).length !== 1)
        throw new VillageError(
          'INVALID_ARGUMENT',
          'One of body.path, body.artifact and body.embedded must be given',
          { fields: { field: 'body.path' } },
        )
      if (embedded !== undefined) {
        const idle = (['file', 'tokenizer', 'weightsOnly', 'adapters'] as const).find(
          (key) => body[key] !== undefined,
        )
        if (idle !== undefined)
          throw new VillageError('INVALID_ARGUMENT', `body.${idle} is for a path`, {
            fields: { field: `body.${idle}` },
          })
        return modelView(await models.add({ embedded, ...name }, signal))
      }
      const { embedded: _, path: given, artifact: __, tokenizer, ...rest } = body
      if (artifact !== undefined) {
        const beside = tokenizer === undefined ? {} : { tokenizer: absolute(tokenizer, 'body.tokenizer') }
        return modelView(await models.add({ ...rest, ...beside, artifact }, signal))
      }
      const paths = {
        path: absolute(given!, 'body.path'),
        ...(tokenizer === undefined ? {} : { tokenizer: absolute(tokenizer, 'body.tokenizer') }),
      }
      return modelView(await models.add({ ...rest, ...paths }, signal))
    },
  }),
  route<{ id: string }>({
    method: 'GET',
    path: '/api/v1/models/:id',
    scope: 'read',
    tag,
    id: 'inspectModel',
    summary: 'A model with its card, inputs, outputs, operators and tensors.',
    params: object({ id: ID }),
    response: { kind: 'json', status: 200, schema: object({ model: MODEL, details: MODEL_DETAILS }) },
    errors: ['MODEL_UNKNOWN'],
    slow: true,
    handle: async ({ params }, { models }) => {
      const model = await models.need(params.id)
      const facts = await models.inspect(model.id)
      const { irVersion, opsets, inputs, outputs, operators, tensors, externalFiles, card } = facts
      return {
        model: modelView(model),
        details: { irVersion, opsets, inputs, outputs, operators, tensors, externalFiles, card },
      }
    },
  }),
  route<{ id: string }, None, { directory: string; runtime?: UnpackRuntime }>({
    method: 'POST',
    path: '/api/v1/models/:id/unpack',
    scope: 'admin',
    tag,
    id: 'unpackModel',
    summary:
      'Writes a compressed model, by its id or by the CID of its packed form, as an ordinary model into a directory of this machine.',
    params: object({ id: ID }),
    body: {
      kind: 'json',
      schema: object({ directory: text(4096), runtime: oneOf('float', 'int8', 'dense') }, ['runtime']),
    },
    response: { kind: 'json', status: 200, schema: object({ path: anyText }) },
    errors: ['MODEL_UNKNOWN', 'MODEL_NOT_PACKED', 'MODEL_MALFORMED', 'CODEC_MALFORMED'],
    slow: true,
    handle: async ({ params, body, signal }, { models }) => {
      const { directory, runtime = 'float' } = body
      const target = absolute(directory, 'body.directory')
      await models.unpack(params.id, { directory: target, runtime, signal })
      return { path: target }
    },
  }),
  route<{ id: string }>({
    method: 'DELETE',
    path: '/api/v1/models/:id',
    scope: 'operate',
    tag,
    id: 'removeModel',
    summary: 'Forgets a model and takes away its pin; its artifact is collected when nothing else pins it.',
    params: object({ id: ID }),
    response: { kind: 'json', status: 200, schema: DONE },
    errors: ['MODEL_UNKNOWN'],
    handle: async ({ params }, { models }) => {
      await models.remove(params.id)
      return { done: true }
    },
  }),
]
