import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createWrittenModels } from '../../../node/compute/models/written-models.ts'
import { createEvents } from '../../../node/events.ts'
import { createLog } from '../../../node/log.ts'

const log = createLog({ level: 'silent' })

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
    const service = createWrittenModels({ artifacts: { list }, events, log }, { directory })
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
  const service = createWrittenModels({ artifacts: { list: async () => [] }, events, log }, { directory })
  await service.start(new AbortController().signal)
  await service.stop()
  assert.not(existsSync(directory))
})

test.run()
