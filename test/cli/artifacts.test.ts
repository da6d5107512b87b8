/** `village artifact …` as a client of a real HTTP API over in-memory services. */
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { withApi } from '../helpers/command-line.ts'
import { FRIEND } from '../helpers/memory-services.ts'

const test = suite('artifact commands')

test('artifacts: add, list, get, pins, export, import, gc', () =>
  withApi(async (cli, server) => {
    const file = path.join(server.directory, 'data.bin')
    await writeFile(file, Buffer.alloc(200_000, 7))
    const added = (await cli('artifact', 'add', file, '--json')).json
    assert.is(added.sizeBytes, 200_000)
    assert.equal(added.pins, ['user'])
    assert.match((await cli('artifact')).out, new RegExp(added.cid))
    const output = path.join(server.directory, 'out.bin')
    assert.is((await cli('artifact', 'get', added.cid, '-o', output)).code, 0)
    assert.ok((await readFile(output)).equals(Buffer.alloc(200_000, 7)))
    const missing = await cli('artifact', 'get', 'bafkmissing', '-o', path.join(server.directory, 'no.bin'))
    assert.match(missing.err, /ARTIFACT_MISSING/)
    const unwritable = await cli(
      'artifact',
      'get',
      added.cid,
      '-o',
      path.join(server.directory, 'no', 'no.bin'),
    )
    assert.match(unwritable.err, /^error FILE_UNWRITABLE/)
    const car = path.join(server.directory, 'a.car')
    assert.is((await cli('artifact', 'export', added.cid, '-o', car, '--json')).json.path, car)
    assert.is((await cli('artifact', 'pin', added.cid, 'other')).code, 0)
    assert.is((await cli('artifact', 'unpin', added.cid, 'other')).code, 0)
    assert.is((await cli('artifact', 'rm', added.cid)).code, 0)
    assert.match((await cli('artifact', 'fetch', added.cid)).err, /ARTIFACT_UNAVAILABLE/)
    assert.is((await cli('artifact', 'import', car, '--json')).json.artifacts[0].cid, added.cid)
    assert.is((await cli('artifact', 'fetch', added.cid, '--from', FRIEND, '--json')).json.cid, added.cid)
    assert.is((await cli('artifact', 'unpin', added.cid)).code, 0)
    assert.is((await cli('artifact', 'gc', '--json')).json.removedBlocks, 1)
    assert.match((await cli('artifact', 'add', '/does/not/exist')).err, /FILE_UNREADABLE/)
  }))

test('a name that came with an artifact cannot choose the folder that it is written to', () =>
  withApi(async (cli, { services, directory }) => {
    const { cid } = await services.addArtifact(Buffer.from('x'), { name: '../../../etc/evil' })
    const before = process.cwd()
    process.chdir(directory)
    try {
      assert.is((await cli('artifact', 'get', cid)).code, 0)
      assert.is(await readFile(path.join(directory, 'evil'), 'utf8'), 'x')
    } finally {
      process.chdir(before)
    }
  }))

test.run()
