import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseManifest } from '../../../node/compute/models/packed.ts'
import { VillageError } from '../../../node/errors.ts'
import { type JobNode, startJobNode, stopJobNodes } from '../../helpers/job-nodes.ts'
import { stopMeshNodes, temporaryDirectory } from '../../helpers/mesh.ts'
import { rejectsCode } from '../../helpers/throws.ts'

let node: JobNode

async function encoderDirectory(): Promise<string> {
  const entry = await node.models.need('encoder')
  return node.artifacts.materialize(entry.cid, path.join(node.mesh.directory, 'models'))
}

test('the embedded encoder is added once, pinned, and described', async () => {
  node = await startJobNode()
  const entry = await node.models.add({ embedded: 'encoder' })
  assert.is(entry.id, 'encoder')
  assert.is(entry.kind, 'encoder')
  assert.ok(entry.parameters > 6.9e6 && entry.parameters < 7e6)
  assert.is(entry.parent, null)
  assert.equal(await node.models.add({ embedded: 'encoder' }), entry)
  assert.ok((await node.artifacts.info(entry.cid))!.pins.includes('model:encoder'))
  await node.artifacts.collect()
  assert.ok(await node.artifacts.has(entry.cid))
  const facts = await node.models.inspect('encoder')
  assert.ok((facts.tensors as unknown[]).length > 10)
  assert.is(facts.id, 'encoder')
})

test('a directory and a plain .onnx file can be added; what is left over goes', async () => {
  const source = await encoderDirectory()
  const copy = await node.models.add({ path: source, id: 'copy' })
  assert.is(copy.cid, (await node.models.need('encoder')).cid)
  const directory = await temporaryDirectory()
  const file = path.join(directory, 'My Model (v2).ONNX')
  await copyFile(path.join(source, 'model.onnx'), file)
  const plain = await node.models.add({ path: file })
  assert.is(plain.id, 'my-model-v2')
  assert.is(plain.kind, 'onnx')
  assert.equal(await readdir(path.join(node.mesh.directory, 'incoming')), [])
})

test('an artifact can be added: an upload under its own name, whatever that is, or a directory', async () => {
  const source = await encoderDirectory()
  for (const [name, id] of [
    ['Uploaded Model.onnx', 'uploaded-model'],
    ['../../up/..\\evil.onnx', 'evil'],
  ] as const) {
    const { cid } = await node.artifacts.addPath(path.join(source, 'model.onnx'), { name })
    const entry = await node.models.add({ artifact: cid })
    assert.is(entry.id, id)
    await node.models.remove(entry.id)
  }
  const { cid } = await node.models.need('encoder')
  assert.is((await node.models.add({ artifact: cid, id: 'from-artifact' })).cid, cid)
  await node.models.remove('from-artifact')
  await rejectsCode(
    node.models.add({ artifact: 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku' }),
    'ARTIFACT_MISSING',
  )
  assert.equal(await readdir(path.join(node.mesh.directory, 'incoming')), [])
})

test('an id belongs to one model; without a wish the next number is taken', async () => {
  const directory = await temporaryDirectory()
  await copyFile(path.join(await encoderDirectory(), 'model.onnx'), path.join(directory, 'encoder.onnx'))
  const file = path.join(directory, 'encoder.onnx')
  await rejectsCode(node.models.add({ path: file, id: 'encoder' }), 'MODEL_ID_TAKEN')
  const pins = (await node.artifacts.list()).flatMap((info) =>
    info.pins.filter((pin) => pin === 'model:encoder'),
  )
  assert.is(pins.length, 1, 'the refused model keeps a pin of the other')
  assert.is((await node.models.add({ path: file })).id, 'encoder-2')
})

test('what is not a model is refused and leaves nothing', async () => {
  const before = (await node.models.list()).length
  const directory = await temporaryDirectory()
  const broken = path.join(directory, 'broken.onnx')
  await writeFile(broken, new Uint8Array(1000).fill(7))
  await rejectsCode(node.models.add({ path: broken }), 'MODEL_MALFORMED')
  await rejectsCode(node.models.add({ path: path.join(directory, 'absent.onnx') }), 'INVALID_ARGUMENT')
  await mkdir(path.join(directory, 'empty'))
  await rejectsCode(node.models.add({ path: path.join(directory, 'empty') }), 'INVALID_ARGUMENT')
  for (const id of ['', 'Ä', 'a b', '../x', 'A', 'x'.repeat(65)])
    await rejectsCode(node.models.add({ embedded: 'encoder', id }), 'INVALID_ARGUMENT')
  assert.is((await node.models.list()).length, before)
})

test('what is published twice is one model; with something else to keep it is another', async () => {
  const { cid, sizeBytes } = await node.models.need('encoder')
  const { artifacts } = node
  const keep = async (text: string) =>
    (await artifacts.addStream(Readable.from([Buffer.from(text)]), { pin: 'x' })).cid
  const [first, second] = [await keep('first'), await keep('second')]
  const model = {
    cid,
    sizeBytes,
    name: 'm',
    kind: 'encoder',
    parameters: 1,
    source: 's',
    parent: 'encoder',
  } as const
  const one = await node.models.register({ ...model, id: 'made', report: { job: 1 }, keeps: [first] })
  const again = await node.models.register({ ...model, id: 'made', report: { job: 2 }, keeps: [first] })
  assert.equal(again, one, 'its report stays')
  const other = await node.models.register({ ...model, id: 'made', report: { job: 2 }, keeps: [second] })
  assert.is(other.id, 'made-2')
  assert.equal((await node.models.need('made')).report, { job: 1 })
  for (const { id } of [one, other]) await node.models.remove(id)
})

test('a model is shared when its owner says so', async () => {
  assert.is((await node.models.need('encoder')).shared, false)
  assert.is((await node.models.setShared('encoder', true)).shared, true)
  assert.is((await node.models.need('encoder')).shared, true)
  assert.is((await node.models.setShared('encoder', false)).shared, false)
  await rejectsCode(node.models.setShared('nothing', true), 'MODEL_UNKNOWN')
})

test('unknown models are named with what was meant; removed ones are let go', async () => {
  const failure = await rejectsCode(node.models.inspect('encodr'), 'MODEL_UNKNOWN')
  assert.match(failure.message, 'did you mean "encoder"')
  assert.is(await node.models.get('nothing'), null)
  const entry = await node.models.need('my-model-v2')
  assert.is((await node.models.get(entry.cid))!.id, 'my-model-v2', 'of models with one CID the oldest')
  await node.models.remove('my-model-v2')
  await node.models.remove('encoder-2')
  await rejectsCode(node.models.remove('encoder-2'), 'MODEL_UNKNOWN')
  await node.artifacts.collect()
  assert.not(await node.artifacts.has(entry.cid))
  assert.ok(await node.artifacts.has((await node.models.need('encoder')).cid))
})

const MANIFEST = {
  format: 'village-packed',
  version: 1,
  codec: 'int4',
  params: {},
  weights: [
    {
      name: 'w',
      rows: 2,
      cols: 3,
      transposed: true,
      elementType: 1,
      offset: 0,
      sizeBytes: 24,
      codec: 'int4',
      file: 'weights/0000.vslc',
      sliceBytes: [10],
    },
  ],
}

test('the manifest of a packed model may come from anybody', () => {
  const parse = (value: unknown) => parseManifest(Buffer.from(JSON.stringify(value)))
  assert.equal(parse(MANIFEST).weights[0]!.sliceBytes, [10])
  for (const [field, value] of [
    ['file', '../../etc/passwd'],
    ['file', 'weights/0000.vslc/../../x.vslc'],
    ['rows', -1],
    ['cols', 1.5],
    ['cols', 2 ** 26 + 1],
    ['sliceBytes', [0]],
    ['sliceBytes', 'x'],
    ['name', ''],
    ['offset', -8],
    ['codebook', 'weights/0000.vslc'],
    ['normalisedError', -1],
    ['elementType', 7],
  ] as const)
    assert.throws(
      () => parse({ ...MANIFEST, weights: [{ ...MANIFEST.weights[0], [field]: value }] }),
      /not valid/,
    )
  assert.throws(() => parse({ ...MANIFEST, version: 3 }), /version/)
  const [weight] = MANIFEST.weights
  const twice = (changes: object) => parse({ ...MANIFEST, weights: [weight, { ...weight, ...changes }] })
  assert.is(twice({ name: 'other', file: 'weights/0001.vslc' }).weights.length, 2)
  assert.throws(() => twice({ name: 'other' }), /"file" of two weights/)
  assert.throws(() => twice({ file: 'weights/0001.vslc' }), /"name" of two weights/)
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
      try {
        parseManifest(Buffer.from(text))
      } catch (error) {
        assert.ok(error instanceof VillageError && error.code === 'MODEL_MALFORMED', String(error))
      }
    }),
  )
})

test.after(async () => {
  await stopJobNodes()
  await stopMeshNodes()
})
test.run()
