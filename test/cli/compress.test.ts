/** What `village compress` makes of its options: the parameters of the job that it submits. */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseCompressParams } from '../../node/compute/jobs/compress-params.ts'
import type { JsonObject } from '../../node/json.ts'
import { withApi } from '../helpers/command-line.ts'

const test = suite('village compress')

const CASES: [args: string[], params: JsonObject][] = [
  [[], { codec: 'int4', params: {} }],
  [['--codec', 'seedlm', '--bits', '3'], { codec: 'seedlm', params: { bits: 3 } }],
  [
    ['--codec', 'int4', '--set', 'blockSize=64', '--set', 'zeroPoints=true'],
    { codec: 'int4', params: { blockSize: 64, zeroPoints: true } },
  ],
  [['--ratio', '8'], { codec: 'auto', params: {}, target: { ratio: 8 } }],
  [
    ['--codec', 'auto', '--size', '4MB', '--no-calibrate'],
    { codec: 'auto', params: {}, target: { sizeBytes: 4_000_000 }, calibrate: 'none' },
  ],
  [['--codec', 'auto', '--size', '1.5MiB'], { codec: 'auto', params: {}, target: { sizeBytes: 1_572_864 } }],
  [
    ['--codec', 'auto', '--bits', '3.5', '--tensor', 'a.b=c=int8', '--tensor', 'd=seedlm:3'],
    {
      codec: 'auto',
      params: {},
      target: { bits: 3.5 },
      tensors: { 'a.b=c': { codec: 'int8', params: {} }, d: { codec: 'seedlm', params: { bits: 3 } } },
    },
  ],
  [
    ['--quality', '0.97', '--suite', 'similarity', '--runtime', 'dense'],
    { codec: 'auto', params: {}, target: { quality: 0.97 }, suite: 'similarity', runtime: 'dense' },
  ],
  [
    ['--codec', 'ternary', '--force', '--keep', '0', '--id', 'tiny'],
    { codec: 'ternary', params: {}, force: true, keep: 0, id: 'tiny' },
  ],
  [['--min-weights', '512'], { codec: 'int4', params: {}, minElements: 512 }],
  [['--calibrate', 'bafyadata'], { codec: 'int4', params: {}, calibrate: 'bafyadata' }],
]
for (const [args, params] of CASES)
  test(`village compress encoder ${args.join(' ')}`, () =>
    withApi(async (cli) => {
      const { code, json, err } = await cli('compress', 'encoder', ...args, '--json')
      assert.is(code, 0, err)
      assert.equal(json.params, { model: 'encoder', ...params })
      parseCompressParams(json.params)
    }))

test('calibration data is uploaded and named by its CID', () =>
  withApi(async (cli, { directory }) => {
    const file = path.join(directory, 'items.txt')
    await writeFile(file, 'One line.\nAnother line.\n')
    const { code, json, err } = await cli('compress', 'encoder', '--calibrate', file, '--json')
    assert.is(code, 0, err)
    const { artifacts } = (await cli('artifact', 'list', '--all', '--json')).json
    const found = artifacts.find((artifact: { cid: string }) => artifact.cid === json.params.calibrate)
    assert.is(found.name, 'items.txt')
    const missing = await cli('compress', 'encoder', '--calibrate', path.join(directory, 'nothing.txt'))
    assert.match(missing.err, /^error FILE_UNREADABLE/)
  }))

const WRONG: [args: string[], says: RegExp][] = [
  [['--ratio', '8', '--size', '4MB'], /one of --ratio, --size, --quality and --bits/],
  [['--min-weights', '1.5'], /--min-weights takes a whole number/],
  [['--ratio', 'much'], /--ratio takes a number above 0/],
  [['--size', '4 apples'], /"4 apples" is not a size/],
  [['--keep', '2'], /--keep takes a share/],
  [['--codec', 'auto'], /Give --codec auto one of --ratio/],
  [['--codec', 'int4', '--ratio', '8'], /targets of --codec auto, not of int4/],
  [['--ratio', '8', '--set', 'blockSize=64'], /--set is for one codec/],
  [['--bits', '3'], /Say with --codec what --bits is for/],
  [['--codec', 'seedlm', '--bits', 'few'], /--bits takes a number above 0/],
  [['--quality', '0.97', '--keep', '0.5'], /leave --keep out/],
  [['--tensor', 'int4'], /--tensor takes name=codec/],
  [['--calibrate', 'bafyadata', '--no-calibrate'], /Give one of --calibrate and --no-calibrate/],
  [['--no-calibrate', '--calibrate', 'bafyadata'], /Give one of --calibrate and --no-calibrate/],
  [['--codec', 'seedlm', '--bits', '3', '--set', 'bits=4'], /Give one of --bits and --set bits=/],
  [
    ['--codec', 'int4', '--set', 'blockSize=64', '--set', 'blockSize=32'],
    /--set is given twice for blockSize/,
  ],
  [['--tensor', 'a=int4', '--tensor', 'a=int8'], /--tensor is given twice for a/],
]
for (const [args, says] of WRONG)
  test(`village compress encoder ${args.join(' ')} is a usage error`, () =>
    withApi(async (cli) => {
      const { code, err } = await cli('compress', 'encoder', ...args)
      assert.is(code, 2)
      assert.match(err, says)
    }))

test.run()
