import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { chooseUnneeded, createWrittenModels } from '../../../node/compute/models/written-models.ts'
import { createEvents } from '../../../node/events.ts'
import { createLog } from '../../../node/log.ts'

const log = createLog({ level: 'silent' })
const usage = () => ({ blocks: 0, sizeBytes: 0, maxBytes: 2 ** 40, sentBytes: 0, receivedBytes: 0 })

test('a written model goes with its artifact, and leftovers go at the start', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'village-written-'))
  try {
    const at = (...names: string[]) => path.join(directory, ...names)
    for (const name of ['kept', 'removed', 'forgotten', 'kept.partial']) {
      mkdirSync(at(name))
      writeFileSync(at(name, 'model.onnx'), 'weights')
    }
    const events = createEvents()
    const list = async () => ['kept', 'removed'].map((cid) => ({ cid }) as never)
    const service = createWrittenModels({ artifacts: { list, usage }, events, log }, { directory })
    await service.start(new AbortController().signal)
    events.emit('artifact:removed', { cid: 'removed' })
    await service.stop()
    assert.equal(
      ['kept', 'removed', 'forgotten', 'kept.partial'].map((name) => existsSync(at(name))),
      [true, false, false, false],
    )
    events.emit('artifact:removed', { cid: 'kept' })
    assert.ok(existsSync(at('kept', 'model.onnx')), 'it listens no more')
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})

test('a node that has written no model yet starts', async () => {
  const directory = path.join(tmpdir(), 'village-written-none')
  const events = createEvents()
  const service = createWrittenModels(
    { artifacts: { list: async () => [], usage }, events, log },
    { directory },
  )
  await service.start(new AbortController().signal)
  await service.stop()
  assert.not(existsSync(directory))
})

const MINUTE_MS = 60_000

test('the least recently used copies go first, and only while there is too little room', () => {
  const nowMs = 1_000 * MINUTE_MS
  const copy = (name: string, sizeBytes: number, unusedMinutes: number) => ({
    name,
    sizeBytes,
    usedAtMs: nowMs - unusedMinutes * MINUTE_MS,
  })
  const copies = [
    copy('now', 40, 0),
    copy('recent', 30, 20),
    copy('older', 20, 40),
    copy('forgotten', 10, 70),
  ]
  const choose = (blockBytes: number) => chooseUnneeded(copies, { blockBytes, maxBytes: 200, nowMs })
  assert.equal(choose(0), ['forgotten'])
  assert.equal(choose(110), ['forgotten'])
  assert.equal(choose(111), ['forgotten', 'older'])
  assert.equal(choose(131), ['forgotten', 'older', 'recent'])
  assert.equal(choose(1000), ['forgotten', 'older', 'recent'], 'what is in use stays')
  assert.equal(chooseUnneeded([], { blockBytes: 300, maxBytes: 200, nowMs }), [])
})

test('a copy that nobody used goes from the disk', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'village-written-'))
  try {
    for (const name of ['used', 'unused']) {
      mkdirSync(path.join(directory, name, 'below'), { recursive: true })
      writeFileSync(path.join(directory, name, 'below', 'weights.bin'), new Uint8Array(1000))
    }
    const nowMs = Date.now()
    const before = new Date(nowMs - 10 * MINUTE_MS)
    utimesSync(path.join(directory, 'unused'), before, before)
    const list = async () => ['used', 'unused'].map((cid) => ({ cid }) as never)
    const maxBytes = { value: 2500 }
    const artifacts = { list, usage: () => ({ ...usage(), sizeBytes: 500, maxBytes: maxBytes.value }) }
    const service = createWrittenModels(
      { artifacts, events: createEvents(), log },
      { directory, now: () => nowMs },
    )
    await service.start(new AbortController().signal)
    await service.trim()
    assert.ok(existsSync(path.join(directory, 'unused')), 'there is room')
    maxBytes.value = 2499
    await service.trim()
    assert.not(existsSync(path.join(directory, 'unused')))
    assert.ok(existsSync(path.join(directory, 'used', 'below', 'weights.bin')))
    await service.stop()
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})

test('a single file is trimmed like a model, and does not keep models from being trimmed', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'village-written-'))
  try {
    const at = (name: string) => path.join(directory, name)
    for (const name of ['unused-model', 'used-model']) {
      mkdirSync(at(name))
      writeFileSync(path.join(at(name), 'model.onnx'), new Uint8Array(1000))
    }
    for (const name of ['unused-codebook', 'used-codebook']) writeFileSync(at(name), new Uint8Array(100))
    const nowMs = Date.now()
    const before = new Date(nowMs - 90 * MINUTE_MS)
    for (const name of ['unused-model', 'unused-codebook']) utimesSync(at(name), before, before)
    const names = ['unused-model', 'used-model', 'unused-codebook', 'used-codebook']
    const list = async () => names.map((cid) => ({ cid }) as never)
    const service = createWrittenModels(
      { artifacts: { list, usage }, events: createEvents(), log },
      { directory, now: () => nowMs },
    )
    await service.start(new AbortController().signal)
    await service.trim()
    assert.equal(
      names.map((name) => existsSync(at(name))),
      [false, true, false, true],
    )
    await service.stop()
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})

test.run()
