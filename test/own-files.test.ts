import { link, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { pathsIn, refuseOwnFiles } from '../node/own-files.ts'
import { rejectsCode } from './helpers/throws.ts'

const test = suite('own files')
let root: string
let data: string

test.before(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'village-own-'))
  data = path.join(root, 'data')
  await mkdir(path.join(data, 'state'), { recursive: true })
  await writeFile(path.join(data, 'api.token'), 'secret')
  await writeFile(path.join(data, 'state', 'x'), 'secret')
  await writeFile(path.join(root, 'corpus.txt'), 'words')
  await mkdir(path.join(root, 'other', 'sealed'), { recursive: true })
  await writeFile(path.join(root, 'other', 'identity.key'), 'secret')
  await writeFile(path.join(root, 'other', 'sealed', 'x'), 'secret')
  await link(path.join(root, 'corpus.txt'), path.join(root, 'corpus-2.txt'))
  await symlink(path.join(data, 'api.token'), path.join(root, 'linked.txt'))
  await symlink(data, path.join(root, 'folder'))
  await link(path.join(data, 'api.token'), path.join(root, 'hard.txt'))
})
test.after(() => rm(root, { recursive: true, force: true }))

test('what lies in the data directory is refused by every name; other files are not', async () => {
  for (const name of [
    'data/api.token',
    'data/state/x',
    'data',
    'linked.txt',
    'folder/state/x',
    'hard.txt',
    'other/sealed/x',
  ])
    await rejectsCode(refuseOwnFiles([path.join(root, name)], data), 'FILE_REFUSED')
  if (process.platform === 'linux')
    for (const file of ['/proc/self/environ', '/proc/1/environ', '/dev/null', '/sys'])
      await rejectsCode(refuseOwnFiles([file], data), 'FILE_REFUSED')
  for (const name of ['corpus.txt', 'corpus-2.txt', 'none.txt', 'database'])
    await refuseOwnFiles([path.join(root, name)], data)
})

test('paths are found wherever they stand in parameters', () => {
  assert.equal(pathsIn({ model: 'm', data: ['/a/b', 'c'], deep: { from: [{ file: '/d' }] }, steps: 3 }), [
    '/a/b',
    '/d',
  ])
})

test.run()
