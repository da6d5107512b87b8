/** `village federate` and `village federations`: files, paths, errors, and what people read. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readFederateFile } from '../../node/cli/federate.ts'
import { type FederationView, federationText, roundLine } from '../../node/cli/federation-text.ts'
import { readFederateConfig } from '../../node/federated/learn/read-federate-spec.ts'
import { withApi } from '../helpers/command-line.ts'
import { rejectsCode } from '../helpers/throws.ts'

const test = suite('village federate')
let directory = ''

test.before(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'village-federate-cli-'))
})
test.after(() => rm(directory, { recursive: true }))

async function written(name: string, text: string): Promise<string> {
  const file = path.join(directory, name)
  await writeFile(file, text)
  return file
}

test('a file is YAML or JSON, named after itself, with paths relative to it', async () => {
  const yaml = await written(
    'notes.yaml',
    'rounds: 2\ntest: [held-out.txt, /abs.txt]\nclients: {minimum: 2}\n',
  )
  assert.equal(await readFederateFile(yaml), {
    name: 'notes',
    rounds: 2,
    test: [path.join(directory, 'held-out.txt'), '/abs.txt'],
    clients: { minimum: 2 },
  })
  assert.is((await readFederateFile(await written('x.json', '{"name": "own", "rounds": 1}'))).name, 'own')
  await rejectsCode(readFederateFile(path.join(directory, 'missing.yaml')), 'FILE_UNREADABLE')
  await rejectsCode(readFederateFile(await written('bad.yaml', 'a: [1')), 'FEDERATION_CONFIG_INVALID')
  await rejectsCode(readFederateFile(await written('list.yaml', '- 1')), 'FEDERATION_CONFIG_INVALID')
  await rejectsCode(readFederateFile(await written('long.yaml', `#${' '.repeat(70_000)}`)), 'FILE_UNREADABLE')
})

test('the examples of the documentation are configurations', async () => {
  const examples = path.resolve(import.meta.dirname, '../../docs/examples')
  const files = (await readdir(examples)).filter((name) => name.startsWith('federate'))
  assert.is(files.length, 2)
  for (const name of files) {
    const config = await readFederateFile(path.join(examples, name))
    assert.ok(readFederateConfig(config, name.includes('simulation')).spec.rounds > 0)
  }
})

test('a federation is begun, listed, shown, stopped and forgotten', async () => {
  const file = await written('digits.yaml', 'rounds: 3\nstrategy: scaffold\n')
  await withApi(async (cli) => {
    assert.match((await cli('federations')).out, /No federations yet/)
    const begun = await cli('federate', file, '--simulate', '--json')
    assert.is(begun.code, 0, begun.err)
    const { id } = begun.json
    assert.match((await cli('federations')).out, /digits +scaffold, simulated +running +0\/3/)
    assert.match((await cli('federations', 'show', id.slice(0, 32))).out, /state +running \(0 of 3 rounds\)/)
    assert.match(
      (await cli('federations', 'stop', id, '--publish')).out,
      /is stopped after 0 rounds. There is no model/,
    )
    assert.match((await cli('federations', 'stop', id)).err, /FEDERATION_ENDED/)
    assert.is((await cli('federations', 'rm', id)).code, 0)
    assert.match((await cli('federations', 'show', id)).err, /FEDERATION_UNKNOWN/)
  })
})

test('a mistake in the file is named, and nothing is begun', async () => {
  const file = await written('wrong.yaml', 'rounds: 3\nstrategy: fedavg\nlocal: {momentun: 0.9}\n')
  await withApi(async (cli) => {
    const { code, err } = await cli('federate', file, '--simulate')
    assert.is(code, 2)
    assert.match(err, /FEDERATION_CONFIG_INVALID: "local.momentun" is not known; did you mean "momentum"/)
    assert.equal((await cli('federations', '--json')).json, { federations: [], joined: [] })
  })
})

const ROUND = {
  round: 4,
  asked: 6,
  answered: 5,
  used: 4,
  refused: { '12D3KooWFriendFriendFriendFriend': 'UPDATE_MALFORMED' },
  loss: 1.25,
  testLoss: null,
  accuracy: 0.5,
  sentBytes: 2_048,
  receivedBytes: 1_024,
  tookMs: 1_500,
  epsilon: 0.731,
}

test('rounds and failures in words', () => {
  assert.is(
    roundLine(ROUND),
    'round 5: 4 of 6 clients, loss 1.2500, right 50.0%, 1.0 KiB in, ε 0.73, refused 12D3…ndFriend (UPDATE_MALFORMED)',
  )
  const view: FederationView = {
    id: 'ab12',
    config: {
      spec: {
        name: 'notes',
        data: 'diaries',
        strategy: 'fedavg',
        rounds: 9,
        clients: { minimum: 2, attempts: 5 },
      },
    },
    state: 'failed',
    error: { code: 'FEDERATION_TOO_FEW', message: '1 of 2 clients answered in round 6' },
    model: null,
    isSimulated: false,
    round: 5,
    asked: 0,
    answered: 0,
    attempt: 0,
    waiting: null,
    elements: 12_345,
    createdAtMs: 0,
    finishedAtMs: 60_000,
    testLossBefore: 2,
    clients: {
      '12D3KooWFriendFriendFriendFriend': {
        asked: 5,
        answered: 4,
        refused: 1,
        lastRefusal: 'UPDATE_MALFORMED',
      },
    },
    rounds: [ROUND],
  }
  const text = federationText(view)
  for (const part of [
    /state +failed \(5 of 9 rounds\)/,
    /parameters +12,345/,
    /error +FEDERATION_TOO_FEW: 1 of 2/,
    /fix +Ask members to offer data/,
    /^5 +4\/6 +1.2500 +- +50.0%/m,
    /12D3…ndFriend +5 +4 +1 \(UPDATE_MALFORMED\)/,
  ])
    assert.match(text, part)
  const waiting = federationText({ ...view, state: 'running', error: null, attempt: 1, waiting: 1 })
  assert.match(waiting, /waiting +for members that offer "diaries": 1 of 2 take part/)
  assert.match(waiting, /attempt +2 of 5, for too few/)
})

test.run()
