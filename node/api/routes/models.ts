/** Routes of the model registry. */
import path from 'node:path'
import type { UnpackRuntime } from '../../compute/models/packed.ts'
import type { ModelEntry } from '../../compute/models/registry.ts'
import { VillageError } from '../../errors.ts'
import { anyText, DONE, listOf, MODEL, MODEL_DETAILS, object, oneOf, text } from '../schemas.ts'
import { type Route, route } from './route.ts'

const tag = 'models'
const ID = text(128)
type None = Record<string, never>

/** What is told of a model: the registry keeps a little more for itself. */
function view(entry: ModelEntry): ModelEntry {
  const { id, cid, name, kind, parameters, sizeBytes, addedAtMs, source, parent, report, doubt } = entry
  return { id, cid, name, kind, parameters, sizeBytes, addedAtMs, source, parent, report, doubt }
}

export const MODEL_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/v1/models',
    scope: 'token',
    tag,
    id: 'listModels',
    summary: 'The models that this node knows.',
    response: { kind: 'json', status: 200, schema: object({ models: listOf(MODEL) }) },
    handle: async (_request, { models }) => ({ models: (await models.list()).map(view) }),
  }),
  route<None, None, { path?: string; embedded?: 'encoder'; id?: string }>({
    method: 'POST',
    path: '/api/v1/models',
    scope: 'token',
    tag,
    id: 'addModel',
    summary: 'Adds a model: an ONNX file or model directory of this machine, or the embedded encoder.',
    body: {
      kind: 'json',
      schema: object({ path: text(4096), embedded: oneOf('encoder'), id: ID }, ['path', 'embedded', 'id']),
    },
    response: { kind: 'json', status: 201, schema: MODEL },
    errors: ['MODEL_MALFORMED', 'MODEL_ID_TAKEN', 'DISK_FULL'],
    slow: true,
    handle: async ({ body }, { models }) => {
      const { path: file, embedded, id } = body
      const name = id === undefined ? {} : { id }
      if ((file === undefined) === (embedded === undefined))
        throw new VillageError('INVALID_ARGUMENT', 'Either body.path or body.embedded must be given', {
          fields: { field: 'body.path' },
        })
      if (embedded !== undefined) return view(await models.add({ embedded, ...name }))
      if (!path.isAbsolute(file!) || file!.includes('\0'))
        throw new VillageError('INVALID_ARGUMENT', 'body.path must be an absolute path', {
          fields: { field: 'body.path' },
        })
      return view(await models.add({ path: file!, ...name }))
    },
  }),
  route<{ id: string }>({
    method: 'GET',
    path: '/api/v1/models/:id',
    scope: 'token',
    tag,
    id: 'inspectModel',
    summary: 'A model with its inputs, outputs, operators and tensors.',
    params: object({ id: ID }),
    response: { kind: 'json', status: 200, schema: object({ model: MODEL, details: MODEL_DETAILS }) },
    errors: ['MODEL_UNKNOWN'],
    slow: true,
    handle: async ({ params }, { models }) => {
      const model = await models.need(params.id)
      const { irVersion, opsets, inputs, outputs, operators, tensors, externalFiles } = await models.inspect(
        model.id,
      )
      return {
        model: view(model),
        details: { irVersion, opsets, inputs, outputs, operators, tensors, externalFiles },
      }
    },
  }),
  route<{ id: string }, None, { directory: string; runtime?: UnpackRuntime }>({
    method: 'POST',
    path: '/api/v1/models/:id/unpack',
    scope: 'token',
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
      if (!path.isAbsolute(directory) || directory.includes('\0'))
        throw new VillageError('INVALID_ARGUMENT', 'body.directory must be an absolute path', {
          fields: { field: 'body.directory' },
        })
      await models.unpack(params.id, { directory: path.resolve(directory), runtime, signal })
      return { path: path.resolve(directory) }
    },
  }),
  route<{ id: string }>({
    method: 'DELETE',
    path: '/api/v1/models/:id',
    scope: 'token',
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
