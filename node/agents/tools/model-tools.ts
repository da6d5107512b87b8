/** Tools over the registry of models: what there is, what comes in, and what is asked of a model. */
import type { Generation } from '../../compute/generate/generation.ts'
import type { Pulls } from '../../compute/hub/pulls.ts'
import type { Embedding } from '../../compute/models/embedding.ts'
import type { ModelEntry } from '../../compute/models/model-entry.ts'
import type { Models } from '../../compute/models/registry.ts'
import { VillageError } from '../../errors.ts'
import type { JsonObject, JsonValue } from '../../json.ts'
import {
  AT_ONCE,
  counted,
  oneOf,
  own,
  several,
  takes,
  tool,
  untrusted,
  whole,
  words,
  yesOrNo,
} from './define-tool.ts'
import { ownPath } from './own-path.ts'
import type { Tool } from './tool.ts'
import { type PullComponents, waitForPull } from './wait-pull.ts'

export interface ModelToolComponents extends PullComponents {
  readonly models: Pick<Models, 'list' | 'need' | 'inspect' | 'add'>
  readonly pulls: Pick<Pulls, 'pull' | 'need' | 'cancel'>
  readonly generation: Pick<Generation, 'generate'>
  readonly embedding: Embedding
}

const KINDS = ['language', 'encoder', 'onnx', 'safetensors', 'packed', 'adapter'] as const
const MODEL = words('Id of a model of this node.', 128)
const NEW_ID = words('Id for the new model: lower-case letters, digits, dots and dashes.', 64)
const MAX_TEXTS = 16
const MAX_TENSORS = 40
const MAX_TOKENS = 2048
const GENERATED_TOKENS = 256
const MAX_PROMPT_UNITS = 65_536

/** Without its title, which its files gave it. */
const modelView = ({
  id,
  kind,
  parameters,
  sizeBytes,
  parent,
  addedAtMs,
  shared,
}: ModelEntry): JsonObject => ({
  model: id,
  kind,
  parameters,
  sizeBytes,
  parent,
  addedAt: new Date(addedAtMs).toISOString(),
  shared,
})

export function modelTools(components: ModelToolComponents): Tool[] {
  const { models, pulls, generation, embedding } = components

  async function firstOf(kind: ModelEntry['kind'], given: string | undefined): Promise<string> {
    if (given !== undefined) return (await models.need(given)).id
    const found = (await models.list()).find((model) => model.kind === kind)
    if (found === undefined)
      throw new VillageError('MODEL_UNKNOWN', `There is no model of the kind ${kind} on this node`)
    return found.id
  }

  return [
    tool<{ kind?: ModelEntry['kind'] }>({
      name: 'model_list',
      description: 'Lists the models of this node with kind, size and origin.',
      parameters: takes({ kind: oneOf('Only models of this kind.', ...KINDS) }),
      effect: 'read',
      scope: 'read',
      cost: AT_ONCE,
      async run({ kind }) {
        const shown = (await models.list()).filter((model) => kind === undefined || model.kind === kind)
        // An id may have been made from the name of a file or a repository of others.
        return untrusted(counted(shown.length, 'model'), { models: shown.map(modelView) })
      },
    }),
    tool<{ model: string }>({
      name: 'model_inspect',
      description:
        'Shows one model: card, inputs, outputs, operators, its largest tensors, and how it was compressed.',
      parameters: takes({ model: MODEL }, 'model'),
      effect: 'read',
      scope: 'read',
      cost: { latencyMs: 200, cpuSeconds: 0.2, leavesNode: false },
      async run({ model: given }) {
        const model = await models.need(given)
        const facts = await models.inspect(model.id)
        const tensors = Array.isArray(facts.tensors) ? facts.tensors : []
        const totals = model.report?.totals ?? null
        const { card = null, inputs = null, outputs = null, operators = null } = facts
        return untrusted(`${model.id}: ${model.kind}, ${counted(model.parameters, 'parameter')}`, {
          ...modelView(model),
          ...{ card, inputs, outputs, operators, compression: totals },
          tensors: tensors.slice(0, MAX_TENSORS),
          tensorCount: tensors.length,
        })
      },
    }),
    tool<{ path?: string; embedded?: string; id?: string }>({
      name: 'model_add',
      description:
        'Adds a model from a file or folder of this machine (ONNX, safetensors), or one that comes with the daemon.',
      parameters: takes({
        path: words('Absolute path of a file or folder; or give `embedded`.', 4096),
        embedded: words('Name of a model that comes with the daemon.', 128),
        id: NEW_ID,
      }),
      effect: 'change',
      scope: 'operate',
      cost: { latencyMs: 5_000, cpuSeconds: 5, leavesNode: false },
      async run({ path, embedded, id }, { signal }) {
        if ((path === undefined) === (embedded === undefined))
          throw new VillageError('INVALID_ARGUMENT', 'Either path or embedded must be given', {
            fields: { argument: 'path' },
          })
        const name = id === undefined ? {} : { id }
        const added =
          embedded === undefined
            ? await models.add({ path: ownPath(path!, 'path'), ...name }, signal)
            : await models.add({ embedded, ...name }, signal)
        return own(`${added.id} is added`, modelView(added))
      },
    }),
    tool<{ source: string; id?: string }>({
      name: 'model_pull',
      description:
        'Fetches a model from a hub (OWNER/NAME) or from the village (village:ID) and waits until it is here.',
      parameters: takes(
        { source: words('OWNER/NAME[@REVISION], or village:ID.', 512), id: NEW_ID },
        'source',
      ),
      effect: 'outside',
      scope: 'operate',
      cost: { latencyMs: 120_000, cpuSeconds: 10, leavesNode: true },
      async run({ source, id }, context) {
        const { id: pull } = await pulls.pull({ source, ...(id !== undefined && { id }) })
        const record = await waitForPull(components, pull, context)
        const { sizeBytes } = await models.need(record.model!)
        return own(`${record.model} is here`, { model: record.model, sizeBytes })
      },
    }),
    tool<{ model?: string; prompt: string; maxTokens?: number }>({
      name: 'model_generate',
      description: 'Lets a language model of this node continue a text.',
      parameters: takes(
        {
          model: words('Id of a language model; the first of this node if absent.', 128),
          prompt: words('The text to continue.', MAX_PROMPT_UNITS),
          maxTokens: whole(`At most so many tokens; ${GENERATED_TOKENS} by default.`, 1, MAX_TOKENS),
        },
        'prompt',
      ),
      effect: 'read',
      scope: 'ask',
      cost: { latencyMs: 5_000, cpuSeconds: 5, leavesNode: false },
      async run({ model: given, prompt, maxTokens = GENERATED_TOKENS }, { signal, countTokens }) {
        const model = await firstOf('language', given)
        const request = { prompt: { kind: 'text', text: prompt }, maxTokens, sampling: {} } as const
        let written = 0
        let promptTokens = 0
        try {
          const completion = await generation.generate(model, request, signal, () => {
            written += 1
          })
          promptTokens = completion.promptTokens
          written = completion.tokens.length
          const { text, finish, tokens } = completion
          return untrusted(`${counted(tokens.length, 'token')} by ${model}`, { model, text, finish })
        } finally {
          // Also what was written until somebody left.
          countTokens({ promptTokens, completionTokens: written })
        }
      },
    }),
    tool<{ texts: readonly string[]; model?: string; vectors?: boolean }>({
      name: 'text_embed',
      description:
        'Says how alike texts are in meaning (cosine of their embeddings); with `vectors` the embeddings too.',
      parameters: takes(
        {
          texts: several(words('A text.', 8192), 1, MAX_TEXTS),
          model: words('Id of an encoder; the first of this node if absent.', 128),
          vectors: yesOrNo('Whether the embeddings themselves are wanted.'),
        },
        'texts',
      ),
      effect: 'read',
      scope: 'ask',
      cost: { latencyMs: 100, cpuSeconds: 0.1, leavesNode: false },
      async run({ texts, model: given, vectors = false }, { signal, countTokens }) {
        const model = await firstOf('encoder', given)
        const { dims, vectors: all, tokens } = await embedding.embed(model, texts, signal)
        countTokens({ promptTokens: tokens.reduce((sum, count) => sum + count, 0), completionTokens: 0 })
        const rows = texts.map((_, index) => all.subarray(index * dims, (index + 1) * dims))
        const content: JsonObject = {
          model,
          dimensions: dims,
          cosines: rows.map((one) => rows.map((other) => rounded(cosine(one, other)))),
          ...(vectors && { vectors: rows.map((row): JsonValue => Array.from(row, rounded)) }),
        }
        return own(`${counted(texts.length, 'text')} embedded by ${model}`, content)
      },
    }),
  ]
}

const DIGITS = 6
const rounded = (value: number): number => Number(value.toPrecision(DIGITS))

function cosine(a: Float32Array, b: Float32Array): number {
  let [dot, aa, bb] = [0, 0, 0]
  for (let index = 0; index < a.length; index++) {
    dot += a[index]! * b[index]!
    aa += a[index]! ** 2
    bb += b[index]! ** 2
  }
  return aa === 0 || bb === 0 ? 0 : dot / Math.sqrt(aa * bb)
}
