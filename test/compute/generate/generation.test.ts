/** The generation service with real threads and tiny models. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ModelRequest } from '../../../node/compute/generate/generation.ts'
import { writeSafetensors } from '../../../node/compute/safetensors/write.ts'
import { VillageError } from '../../../node/errors.ts'
import { seenEvent, startGeneration, type TestGeneration } from '../../helpers/generation-service.ts'
import { writeTinyLanguageModel } from '../../helpers/language-models.ts'
import { rejectsCode } from '../../helpers/throws.ts'

const test = suite('generation service')
const NEVER = new AbortController().signal
let root = ''
const one = () => ({ directory: join(root, 'one') })
const two = () => ({ directory: join(root, 'two') })
test.before(() => {
  root = mkdtempSync(join(tmpdir(), 'village-generation-'))
  writeTinyLanguageModel(one().directory, 'llama', { seed: 1 })
  writeTinyLanguageModel(two().directory, 'qwen2', { seed: 2, adapters: false })
  writeFileSync(
    join(two().directory, 'chat_template.jinja'),
    '{% for message in messages %}<{{ message.role }}>{{ message.content }}{% endfor %}',
  )
})
test.after(() => rmSync(root, { recursive: true, force: true }))

const ask = (text: string, maxTokens: number): ModelRequest => ({
  prompt: { kind: 'text', text },
  maxTokens,
  sampling: {},
  ignoreEnd: true,
})

async function withService(
  started: Promise<TestGeneration>,
  use: (service: TestGeneration) => Promise<void>,
): Promise<void> {
  const service = await started
  try {
    await use(service)
  } finally {
    await service.generation.stop()
  }
}

test('a model is loaded on demand, answers many at once, streams, and is counted', async () => {
  await withService(startGeneration({ one: one() }), async (service) => {
    const { generation } = service
    assert.is(generation.stats().loaded.length, 0)
    const parts: string[] = []
    const [first, second] = await Promise.all([
      generation.generate('one', ask('hello there', 20), NEVER, ({ text }) => parts.push(text)),
      generation.generate('one', ask('hello there', 20), NEVER),
    ])
    assert.is(parts.join(''), first!.text)
    assert.is(first!.text, second!.text)
    assert.is(first!.tokens.length, 20)
    assert.ok(first!.promptTokens > 1)
    const stats = generation.stats()
    assert.is(stats.requests, 2)
    assert.is(stats.completionTokens, 40)
    assert.is(stats.active, 0)
    assert.ok(stats.residentBytes > 0)
    await seenEvent(service, 'generate:loaded')
    await rejectsCode(generation.generate('none', ask('x', 1), NEVER), 'MODEL_UNKNOWN')
  })
})

test('messages go through the chat template; a model without one, or no language model, says so', async () => {
  const encoder = { directory: root, kind: 'encoder' as const }
  await withService(startGeneration({ one: one(), two: two(), encoder }), async ({ generation }) => {
    const messages = [{ role: 'user', content: 'hi' }]
    const chat: ModelRequest = { ...ask('', 5), prompt: { kind: 'messages', messages } }
    const answered = await generation.generate('two', chat, NEVER)
    const same = await generation.generate('two', ask('<user>hi', 5), NEVER)
    // The prompt as text has the tokenizer's own beginning token; the template wrote none.
    assert.is(answered.promptTokens, same.promptTokens - 1)
    await rejectsCode(generation.generate('one', chat, NEVER), 'MODEL_NO_CHAT_TEMPLATE')
    await rejectsCode(generation.generate('encoder', ask('x', 1), NEVER), 'MODEL_NOT_LANGUAGE')
    await rejectsCode(
      generation.generate('one', { ...ask('x', 1), adapter: 'two' }, NEVER),
      'ADAPTER_INVALID',
    )
  })
})

test('an adapter goes with the model that it was trained from, and with its compressed forms', async () => {
  const adapter = join(root, 'adapter')
  mkdirSync(adapter)
  writeFileSync(join(adapter, 'adapter_config.json'), '{"r":1,"lora_alpha":1}')
  writeSafetensors(join(adapter, 'adapter_model.safetensors'), [])
  const models = {
    one: one(),
    sister: one(),
    small: { ...one(), compressedFrom: 'one' },
    fitting: { directory: adapter, kind: 'adapter' as const, base: 'one' },
    unknown: { directory: adapter, kind: 'adapter' as const },
  }
  await withService(startGeneration(models), async ({ generation }) => {
    const run = (model: string, name: string) =>
      generation.generate(model, { ...ask('x', 1), adapter: name }, NEVER)
    for (const [model, name] of [
      ['one', 'fitting'],
      ['small', 'fitting'],
      ['sister', 'unknown'],
    ] as const)
      assert.is((await run(model, name)).tokens.length, 1, `${model} ${name}`)
    const error = await rejectsCode(run('sister', 'fitting'), 'ADAPTER_INVALID')
    assert.match(error.message, /"fitting" was trained from "one", .* and not from "sister"/)
  })
})

test('a cancelled request frees its place; too many are told to come later', async () => {
  const config = { 'generate.maxBatch': 1, 'generate.maxQueued': 1 }
  await withService(startGeneration({ one: one() }, { config }), async ({ generation }) => {
    const abort = new AbortController()
    let tokens = 0
    const long = generation.generate('one', ask('hello', 200), abort.signal, () => {
      tokens += 1
      if (tokens === 3) abort.abort(new VillageError('ABORTED'))
    })
    const waiting = generation.generate('one', ask('there', 5), NEVER)
    const error = await rejectsCode(generation.generate('one', ask('x', 1), NEVER), 'GENERATE_BUSY')
    assert.type(error.fields.retryAfterMs, 'number')
    await rejectsCode(long, 'ABORTED')
    // There is one row: the second is answered because the first has left it.
    assert.is((await waiting).tokens.length, 5)
    assert.is(generation.stats().active, 0)
  })
})

test('an idle model is unloaded, and loaded again by the next request', async () => {
  await withService(
    startGeneration({ one: one() }, { config: { 'generate.idleMs': 0 } }),
    async (service) => {
      const { text } = await service.generation.generate('one', ask('hello', 5), NEVER)
      const event = await seenEvent(service, 'generate:unloaded')
      assert.equal(event.data, { model: 'one', reason: 'idle' })
      assert.is((await service.generation.generate('one', ask('hello', 5), NEVER)).text, text)
    },
  )
})

test('models make room for each other, the least recently used first, but never under a request', async () => {
  const config = { 'generate.memoryBytes': 2 ** 20 }
  const models = {
    one: { ...one(), sizeBytes: 600_000 },
    two: { ...two(), sizeBytes: 300_000 },
    three: { ...two(), sizeBytes: 700_000 },
  }
  const threadUrl = new URL('./holding-thread.ts', import.meta.url)
  await withService(startGeneration(models, { config, threadUrl }), async (service) => {
    const { generation } = service
    const running = Promise.withResolvers<void>()
    const abort = new AbortController()
    const held = generation.generate('one', ask('hold', 2), abort.signal, () => running.resolve())
    await running.promise
    await generation.generate('two', ask('hello', 2), NEVER)
    // One is used and stays; without two there is still no room for three.
    await rejectsCode(generation.generate('three', ask('hello', 2), NEVER), 'GENERATE_NO_MEMORY')
    service.pause('memory')
    assert.equal(
      generation.stats().loaded.map(({ model }) => model),
      ['one'],
    )
    service.pause(null)
    abort.abort(new VillageError('ABORTED'))
    await rejectsCode(held, 'ABORTED')
    await generation.generate('three', ask('hello', 2), NEVER)
    assert.equal(
      generation.stats().loaded.map(({ model }) => model),
      ['three'],
    )
    service.pause('memory')
    assert.is(generation.stats().loaded.length, 0)
  })
})

test('a thread that ends fails its requests, and the next one has a new thread', async () => {
  const threadUrl = new URL('./crashing-thread.ts', import.meta.url)
  await withService(startGeneration({ one: one() }, { threadUrl }), async ({ generation }) => {
    await rejectsCode(generation.generate('one', ask('hello', 5), NEVER), 'WORKER_CRASHED')
    assert.is((await generation.generate('one', ask('hello', 5), NEVER)).tokens.length, 5)
  })
})

test('a directory that is no language model fails every request, and nothing stays', async () => {
  await withService(startGeneration({ bad: { directory: root } }), async ({ generation }) => {
    for (let count = 0; count < 2; count++)
      await rejectsCode(generation.generate('bad', ask('hello', 5), NEVER), 'MODEL_CARD_INVALID')
    assert.is(generation.stats().loaded.length, 0)
  })
})

test('a stop ends what runs', async () => {
  const service = await startGeneration({ one: one() })
  const begun = Promise.withResolvers<void>()
  const long = service.generation.generate('one', ask('hello', 200), NEVER, () => begun.resolve())
  await begun.promise
  const ended = rejectsCode(long, 'SHUTTING_DOWN')
  await service.generation.stop()
  await ended
  await rejectsCode(service.generation.generate('one', ask('hello', 5), NEVER), 'SHUTTING_DOWN')
})

test.run()
