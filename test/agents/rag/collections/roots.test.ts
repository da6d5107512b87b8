/** Names of files in a collection, and where they are on the disk. */
import path from 'node:path'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  checkCollectionName,
  collectionId,
  documentId,
  isCollectionId,
} from '../../../../node/agents/rag/collections/collection.ts'
import { decideFile, isFreshAt } from '../../../../node/agents/rag/collections/file-decision.ts'
import type { FileRow } from '../../../../node/agents/rag/collections/file-ledger.ts'
import { checkUploadName, localPath } from '../../../../node/agents/rag/collections/local-path.ts'
import {
  type IndexedRoot,
  isWithin,
  pathOf,
  scopeOf,
  sourceIn,
} from '../../../../node/agents/rag/collections/roots.ts'
import { throwsCode } from '../../../helpers/throws.ts'

const test = suite('names in a collection')

test('a folder, a file, and what lies in a known folder', () => {
  const notes = scopeOf([], '/srv/ann/notes', false)
  assert.equal(notes.root, { path: '/srv/ann/notes', prefix: 'notes/' })
  assert.is(sourceIn(notes, 'a/b.md'), 'notes/a/b.md')
  const roots = [notes.root]
  assert.is(scopeOf(roots, '/srv/ann/notes', false).root, notes.root)
  const part = scopeOf(roots, '/srv/ann/notes/a', false)
  assert.is(part.root, notes.root)
  assert.is(sourceIn(part, 'b.md'), 'notes/a/b.md')
  const file = scopeOf(roots, '/srv/ann/notes/a/b.md', true)
  assert.is(sourceIn(file, 'b.md'), 'notes/a/b.md')
  const todo = scopeOf(roots, '/srv/ann/todo.md', true)
  assert.equal(todo.root, { path: '/srv/ann/todo.md', prefix: 'todo.md' })
  assert.is(sourceIn(todo, 'todo.md'), 'todo.md')
})

test('two folders of one name do not mix, and none takes the name of uploads', () => {
  const roots: IndexedRoot[] = []
  for (const at of ['/a/notes', '/b/notes', '/c/notes', '/d/uploads', '/']) {
    const { root } = scopeOf(roots, at, false)
    roots.push(root)
    if (at === '/c/notes') roots.push(scopeOf(roots, '/e/notes', true).root)
  }
  assert.equal(
    roots.map((root) => root.prefix),
    ['notes/', 'notes-2/', 'notes-3/', 'notes-4', 'uploads-2/', 'root/'],
  )
})

test('a source leads back to its file', () => {
  const name = fc.stringMatching(/^[a-z0-9 #é]{1,8}$/)
  fc.assert(
    fc.property(
      fc.array(name, { minLength: 1, maxLength: 4 }),
      fc.array(name, { maxLength: 3 }),
      (inner, outer) => {
        const root = path.join('/data', ...outer, 'x')
        const scope = scopeOf([], root, false)
        assert.is(pathOf(scope.root, sourceIn(scope, inner.join('/'))), path.join(root, ...inner))
        assert.ok(isWithin(root, path.join(root, ...inner)))
        assert.not.ok(isWithin(root, `${root}y`))
        assert.not.ok(isWithin(root, path.dirname(root)))
      },
    ),
  )
})

test('names of collections', () => {
  for (const name of ['notes', 'Bücher-2', '図書館', 'a.b_c'])
    assert.is(checkCollectionName(name), name.normalize('NFC'))
  assert.is(checkCollectionName('e\u0301tude'), '\u00e9tude')
  for (const name of ['', '.a', 'a b', 'a/b', 'a@b', 'x'.repeat(65), 'a\u202eb', 'ab'.repeat(16)])
    throwsCode(() => checkCollectionName(name), 'INVALID_ARGUMENT')
  const id = collectionId('12D3', 'notes')
  assert.ok(isCollectionId(id))
  assert.is.not(id, collectionId('12D4', 'notes'))
  assert.is.not(documentId(id, 'a.md'), documentId(id, 'b.md'))
  // Golden: ids are the same on every node.
  assert.is(collectionId('owner', 'notes'), '8b16b30b95c67badc935e45333280cdf')
})

test('paths are of this machine, whole and plain', () => {
  assert.is(localPath('/a/./b/../c/'), '/a/c')
  assert.is(localPath('file:///a/b%20c'), '/a/b c')
  assert.is(localPath('FILE://localhost/a'), '/a')
  for (const given of [
    'a',
    './a',
    '../a',
    '',
    'http://x/a',
    'https://x',
    'file://host/a',
    '/a\0b',
    'file:///a%2Fb',
  ])
    throwsCode(() => localPath(given), 'INVALID_ARGUMENT')
})

test('names of uploads stay inside', () => {
  for (const name of ['a.md', 'a/b.md', 'Ünicode/ä ö.txt']) assert.is(checkUploadName(name), name)
  for (const name of [
    '',
    '/a',
    'a//b',
    '../a',
    'a/..',
    'a/./b',
    'a\\b',
    'a\nb',
    'a#1',
    'a\u202e',
    'x'.repeat(600),
  ])
    throwsCode(() => checkUploadName(name), 'INVALID_ARGUMENT')
})

test('a file is read again when it may have changed, and what cannot be read when it is asked for', () => {
  const file = { sizeBytes: 10, modifiedAtMs: 5_001 }
  const row: FileRow = {
    ...file,
    ...{
      root: '/a',
      isSettled: true,
      isFresh: false,
      language: null,
      problem: null,
      documents: 1,
      duplicates: 0,
      excluded: 0,
    },
  }
  const watch = { trigger: 'watch', language: null } as const
  const request = { trigger: 'request', language: null } as const
  assert.is(decideFile(undefined, file, watch), 'read')
  assert.is(decideFile(row, file, request), 'unchanged')
  assert.is(decideFile({ ...row, isSettled: false }, file, watch), 'read')
  assert.is(decideFile({ ...row, isFresh: true }, file, watch), 'read')
  assert.is(decideFile(row, { ...file, sizeBytes: 11 }, watch), 'read')
  assert.is(decideFile(row, { ...file, modifiedAtMs: 5_000 }, watch), 'read')
  assert.is(decideFile(row, file, { trigger: 'watch', language: 'de' }), 'read')
  const problem = { code: 'BINARY_FILE', message: '' }
  assert.is(decideFile({ ...row, problem, documents: 0 }, file, watch), 'unreadable')
  assert.is(decideFile({ ...row, problem, documents: 0 }, file, request), 'read')
  assert.is(decideFile({ ...row, excluded: 1 }, file, watch), 'unchanged')
  assert.is(decideFile({ ...row, excluded: 1 }, file, request), 'read')
  // Clocks that count whole seconds may be of a disk that counts two of them.
  assert.ok(isFreshAt(5_000, 6_999))
  assert.not.ok(isFreshAt(5_000, 7_000))
  assert.ok(isFreshAt(5_001, 5_020))
  assert.not.ok(isFreshAt(5_001, 5_021))
})

test.run()
