import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createChatModels } from '../../../node/agents/chat/chat-models.ts'
import type { ModelEntry } from '../../../node/compute/models/model-entry.ts'
import { VillageError } from '../../../node/errors.ts'
import { createLog } from '../../../node/log.ts'
import { startScriptedEndpoint } from '../../helpers/scripted-endpoint.ts'
import { rejectsCode } from '../../helpers/throws.ts'

const test = suite('chat models')
const NEVER = new AbortController().signal
const CARD = {
  ...{ version: 1, task: 'text-generation', name: 'n', title: 't', licence: 'l', source: 's', parameters: 1 },
  ...{ architecture: 'llama', layout: 'village', layers: 1, keyValueHeads: 1, headSize: 16, vocabulary: 128 },
  ...{
    contextTokens: 640,
    bosToken: 1,
    eosTokens: [2],
    padToken: null,
    positionInput: false,
    cacheType: 'float32',
    adapters: null,
  },
}

/** Files of models by CID. */
function models(
  files: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  endpoints: string[] = [],
) {
  const entries = Object.keys(files).map(
    (cid) => ({ id: `model-${cid}`, cid, kind: 'language' }) as ModelEntry,
  )
  const all = [...entries, { id: 'encoder', cid: 'enc', kind: 'encoder' } as ModelEntry]
  const reads: string[] = []
  const chat = createChatModels(
    {
      models: {
        list: async () => all,
        get: async (id) => all.find((entry) => entry.id === id || entry.cid === id) ?? null,
      },
      artifacts: {
        async read(reference) {
          reads.push(reference)
          const [cid = '', name = ''] = reference.split('/')
          const value = files[cid]?.[name]
          if (value === undefined) throw new VillageError('NOT_FOUND')
          return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
        },
      },
      generation: { generate: () => Promise.reject(new VillageError('INTERNAL')) },
      log: createLog({ level: 'silent' }),
    },
    { config: { 'agents.endpoints': endpoints }, environment: {} },
  )
  return { chat, reads }
}

test('own models are listed with what they take, those of endpoints behind them', async () => {
  const server = await startScriptedEndpoint({ models: ['big', 'org/small'] })
  const gone = await startScriptedEndpoint()
  await gone.close()
  const { chat } = models(
    {
      a: { 'model.json': CARD, 'chat_template.jinja': '{{ messages }}' },
      b: { 'model.json': CARD },
      broken: { 'model.json': '{' },
    },
    [`box=${server.url}`, `gone=${gone.url}`],
  )
  try {
    const own = { place: 'local', contextTokens: 640 }
    const far = { place: 'local', contextTokens: null, isExperimental: false }
    assert.equal(await chat.list(NEVER), [
      { id: 'model-a', ...own, isExperimental: false },
      { id: 'model-b', ...own, isExperimental: true },
      { id: 'box/big', ...far },
      { id: 'box/org/small', ...far },
    ])
    const model = await chat.need('box/org/small')
    assert.is(model.id, 'box/org/small')
    server.play([{ text: 'hi' }])
    const { text } = await model.respond({ messages: [{ role: 'user', content: 'a' }] }, NEVER)
    assert.is(text, 'hi')
    assert.is(server.requests[0]!.model, 'org/small')
  } finally {
    await chat.stop()
    await server.close()
  }
})

test('an endpoint elsewhere is remote', async () => {
  const { chat } = models({}, ['far=https://models.invalid/v1'])
  try {
    const model = await chat.need('far/x')
    assert.is(model.place, 'remote')
    for (const odd of ['../../x', 'm\nx', 'a b', 'x'.repeat(201)])
      await rejectsCode(chat.need(`far/${odd}`), 'CHAT_MODEL_UNKNOWN')
  } finally {
    await chat.stop()
  }
})

test('what a model is made of is read once', async () => {
  const { chat, reads } = models({ a: { 'model.json': CARD } })
  assert.is((await chat.need('model-a')).contextTokens, 640)
  const before = reads.length
  assert.is((await chat.need('a')).id, 'model-a')
  assert.is(reads.length, before)
})

test('what cannot be talked to is refused by name', async () => {
  const { chat } = models({ a: { 'model.json': CARD, 'tokenizer_config.json': 'no' } })
  const error = await rejectsCode(chat.need('model-b'), 'CHAT_MODEL_UNKNOWN')
  assert.is(error.fields.suggestion, 'model-a')
  await rejectsCode(chat.need('nowhere/x'), 'CHAT_MODEL_UNKNOWN')
  await rejectsCode(chat.need('encoder'), 'MODEL_NOT_LANGUAGE')
  await rejectsCode(chat.need('model-a'), 'CHAT_TEMPLATE_FAILED')
  const broken = models({ a: { 'model.json': '{' }, b: {} }).chat
  for (const id of ['model-a', 'model-b']) await rejectsCode(broken.need(id), 'MODEL_CARD_INVALID')
})

test.run()
