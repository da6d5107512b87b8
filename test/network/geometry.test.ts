/** The geometry of models through a real daemon: measured, compared, drawn, and followed through a training. */
import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { DEFAULT_CONFIG } from '../../node/config.ts'
import { createDaemon, type Daemon } from '../../node/daemon.ts'
import { type Ran, village } from '../helpers/command-line.ts'
import { writeTinySource } from '../helpers/language-models.ts'
import { temporaryDirectory } from '../helpers/mesh.ts'
import { writeTrainingText } from '../helpers/training-data.ts'

const test = suite('geometry, through a daemon')
let root: string
let daemon: Daemon
const at = (name: string) => path.join(root, name)
const cli = (...args: string[]): Promise<Ran> => village(at('data'), ...args)

async function succeeds(...args: string[]): Promise<Ran> {
  const ran = await cli(...args)
  assert.is(ran.code, 0, ran.err)
  return ran
}

test.before(async () => {
  root = await temporaryDirectory()
  daemon = await createDaemon({
    ...DEFAULT_CONFIG,
    'data.dir': at('data'),
    'log.level': 'silent',
    'api.port': 0,
    'mesh.listen': ['/ip4/127.0.0.1/tcp/0'],
    'mesh.mdns': false,
  })
  await daemon.start()
  await succeeds('create', 'alone')
  for (const [index, name] of ['first', 'second'].entries()) {
    writeTinySource(at(name), 'llama', { seed: index + 1 })
    await succeeds('model', 'add', at(name), '--id', name)
  }
})
test.after(async () => {
  await daemon?.stop()
  await rm(root, { recursive: true, force: true })
})

test('two models are measured, compared and drawn', async () => {
  const page = at('page.html')
  const quick = ['--texts', '30', '--bootstrap', '2', '--barrier', '3', '--wait']
  const { json } = await succeeds('geometry', 'first', 'second', ...quick, '--html', page, '--json')
  assert.equal(
    json.result.models.map(({ model }: { model: string }) => model),
    ['first', 'second'],
  )
  const [first] = json.result.models
  assert.ok(first.matrices.length >= 8 && first.layers.length >= 8 && first.texts === 30)
  const [pair] = json.result.pairs
  assert.is(pair.barrier.line.length, 3)
  assert.ok(pair.alignment.same.length >= 8)
  const html = readFileSync(page, 'utf8')
  assert.match(html, /Intrinsic dimension by layer/)
  assert.match(html, /Debiased CKA of first and second/)
  // Nothing in it makes a request.
  assert.not.match(html, /(src|href)=|url\(|@import|<script/)

  const again = await succeeds('geometry', '--history', json.id)
  assert.match(again.out, /STABLE RANK/)
  assert.match(again.out, /compared +first with second/)
  assert.match((await cli('geometry', 'first', ...quick, '--html', page)).err, /exists already/)
})

test('a training that measures has a history', async () => {
  const data = writeTrainingText(at('text.txt'))
  const options = [
    '--steps',
    '8',
    '--batch',
    '4',
    '--length',
    '16',
    '--held-out',
    '0.3',
    '--evaluate-every',
    '4',
  ]
  const trained = await succeeds(
    'train',
    'first',
    '--data',
    data,
    ...options,
    '--geometry',
    '--wait',
    '--json',
  )
  assert.is(typeof trained.json.result.geometry, 'string')
  const { json } = await succeeds(
    'geometry',
    '--history',
    trained.json.id,
    '--html',
    at('history.html'),
    '--json',
  )
  assert.equal(
    json.looks.map(({ step }: { step: number }) => step),
    [0, 4, 8],
  )
  for (const look of json.looks) {
    assert.ok(look.dimension > 0.5 && look.points >= 25, JSON.stringify(look))
    assert.ok(look.stableRank > 1 && look.alpha > 1 && look.participationRatio > 1)
    assert.is(look.grokking, false)
  }
  assert.ok(json.looks[2].heldOutLoss < json.looks[0].heldOutLoss)
  assert.match(readFileSync(at('history.html'), 'utf8'), /Intrinsic dimension of the hidden states/)

  const plain = await succeeds('train', 'first', '--data', data, ...options, '--wait', '--json')
  assert.is(plain.json.result.geometry, null)
  assert.match((await cli('geometry', '--history', plain.json.id)).err, /has measured no geometry/)
  // What looks on changes nothing of what is learned.
  assert.is(plain.json.result.loss, trained.json.result.loss)
})

test('what cannot be measured is refused while the client waits', async () => {
  const refused = async (args: readonly string[], message: RegExp) => {
    const ran = await cli('geometry', ...args)
    assert.ok(ran.code !== 0)
    assert.match(ran.err, message)
  }
  await refused([], /Name a model/)
  await refused(['first', '--history', 'abc'], /not both/)
  await refused(['nobody'], /nobody/)
  await refused(['--history', 'abc', '--texts', '30'], /does not go with --history/)
  await refused(['first', 'first'], /named once/)
  await refused(['first', '--texts', '3'], /--texts/)
  await refused(['first', '--barrier', '2'], /--barrier/)
  await refused(['first', '--html', at('x.html')], /--wait/)
  await refused(['first', '--data', at('missing.txt')], /cannot be read/)
  await refused(['--history', 'zzzzzz'], /zzzzzz/)
  await refused(['--history', 'f'.repeat(32)], /RUN_UNKNOWN/)
})

test.run()
