/** Routes of the model registry. */
import path from 'node:path'
import type { ModelEntry } from '../../compute/models/registry.ts'
import { VillageError } from '../../errors.ts'
import { DONE, listOf, MODEL, MODEL_DETAILS, object, oneOf, text } from '../schemas.ts'
import { type Route, route } from './route.ts'

const tag = 'models'
const ID = text(128)
type None = Record<string, never>

/** What is told of a model: the registry keeps a little more for itself. */
function view(entry: ModelEntry): ModelEntry {
  const { id, cid, name, kind, parameters, sizeBytes, addedAtMs, source, parent, report } = entry
  return { id, cid, name, kind, parameters, sizeBytes, addedAtMs, source, parent, report }
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
