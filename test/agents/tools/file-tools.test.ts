/** Files of this machine under attack: names, links, and folders that are exchanged while a tool looks. */

import { execFileSync } from 'node:child_process'
import fs, { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { fileTools } from '../../../node/agents/tools/file-tools.ts'
import { isInside, parseGrants, placeOf } from '../../../node/agents/tools/granted-folders.ts'
import type { ToolContext } from '../../../node/agents/tools/tool.ts'
import { FIELDS } from '../../../node/config.ts'
import { VillageError } from '../../../node/errors.ts'
import type { JsonObject } from '../../../node/json.ts'
import { rejectsCode, throwsCode } from '../../helpers/throws.ts'

const test = suite('file tools')
let root = ''
const at = (...parts: string[]) => path.join(root, ...parts)
const SECRET = 'the key of this node'

test.before.each(() => {
  root = realpathSync(mkdtempSync(path.join(tmpdir(), 'village-files-')))
  for (const folder of ['notes/sub', 'work', 'data', 'outside']) fs.mkdirSync(at(folder), { recursive: true })
  fs.writeFileSync(at('notes/a.md'), 'Hello.')
  fs.writeFileSync(at('notes/sub/b.md'), 'Grüße, 世界! 🐈')
  fs.writeFileSync(at('outside/secret.txt'), SECRET)
  fs.writeFileSync(at('data/identity.key'), SECRET)
})
test.after.each(() => rmSync(root, { recursive: true, force: true }))

const CONTEXT: ToolContext = {
  asker: { kind: 'owner', id: 'owner', scope: 'admin' },
  request: 'r',
  seesPrivate: true,
  staysHere: false,
  countTokens: () => {},
  signal: new AbortController().signal,
  progress: () => undefined,
}

function run(
  name: string,
  given: JsonObject,
  init: { grants?: string[]; context?: Partial<ToolContext> } = {},
) {
  const folders = parseGrants(init.grants ?? [`notes=${at('notes')}`, `work=${at('work')}:rw`])
  const tool = fileTools({ folders, dataDirectory: at('data') }).find((one) => one.name === `file_${name}`)!
  return tool.run(given, { ...CONTEXT, ...init.context })
}

const textOf = async (given: JsonObject, init = {}) =>
  ((await run('read', given, init)).content as JsonObject).text

test('files are read by the name of their folder, or by their path', async () => {
  const result = await run('read', { path: 'notes/a.md' })
  assert.equal(result.content, { path: 'notes/a.md', sizeBytes: 6, text: 'Hello.', nextOffset: null })
  assert.is(result.trust, 'untrusted')
  assert.is(await textOf({ path: at('notes/a.md') }), 'Hello.')
  assert.is(await textOf({ path: 'notes//sub/../a.md' }), 'Hello.')
  const listed = (await run('list', { path: 'notes' })).content as { entries: JsonObject[] }
  assert.equal(
    listed.entries.map(({ name, kind, sizeBytes }) => ({ name, kind, sizeBytes })),
    [
      { name: 'a.md', kind: 'file', sizeBytes: 6 },
      { name: 'sub', kind: 'folder', sizeBytes: null },
    ],
  )
  assert.equal((await run('list', {})).content, {
    folders: [
      { name: 'notes', isWritable: false },
      { name: 'work', isWritable: true },
    ],
  })
})

test('a long text is read in parts that no character is cut in', async () => {
  const whole = 'aé世🐈'.repeat(50)
  fs.writeFileSync(at('notes/long.txt'), whole)
  for (const maxBytes of [4, 5, 7, 64]) {
    let text = ''
    let offset: number | null = 0
    while (offset !== null) {
      const { content } = await run('read', { path: 'notes/long.txt', offset, maxBytes })
      text += (content as { text: string }).text
      const next = (content as { nextOffset: number | null }).nextOffset
      assert.ok(next === null || next > offset, 'it goes on')
      offset = next
    }
    assert.is(text, whole)
  }
})

test('what is not granted is not there: other paths, ways up, other folders', async () => {
  for (const given of [
    ...['/etc/passwd', '../outside/secret.txt', 'notes/../outside/secret.txt', 'notes/../../etc/passwd'],
    ...[
      'outside/secret.txt',
      at('outside/secret.txt'),
      at('notes/../outside/secret.txt'),
      '~/.ssh/id_rsa',
      '',
      '/',
      'notesx/a.md',
    ],
    ...[at('notes-2/a.md'), './notes/a.md', 'NOTES/a.md'],
  ])
    await rejectsCode(run('read', { path: given }), 'FOLDER_NOT_GRANTED')
  for (const given of ['notes/a\0.md', 'notes/a\n.md', 'notes/\u202Egpj.exe', 'x'.repeat(2_000)])
    await rejectsCode(run('read', { path: given }), 'INVALID_ARGUMENT')
  await rejectsCode(run('read', { path: 'notes/none.md' }), 'NOT_FOUND')
})

test('no name that can be written leads out of its folder', () => {
  const part = fc.constantFrom('..', '.', '', 'a', 'sub', '...', '..a', 'notes', '~')
  const folders = parseGrants([`notes=${at('notes')}`, `work=${at('work')}:rw`])
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), fc.boolean(), (parts, isAbsolute) => {
      const given = isAbsolute ? `${at('notes')}/${parts.join('/')}` : `notes/${parts.join('/')}`
      try {
        const { folder, relative } = placeOf(folders, given)
        assert.ok(isInside(folder.directory, path.join(folder.directory, relative)))
        assert.not.ok(relative.split('/').includes('..'))
      } catch (error) {
        assert.ok(error instanceof VillageError && error.code === 'FOLDER_NOT_GRANTED')
      }
    }),
  )
})

test('links are not followed, wherever they stand and wherever they lead', async () => {
  fs.symlinkSync(at('outside/secret.txt'), at('notes/link.txt'))
  fs.symlinkSync(at('notes/a.md'), at('notes/inner.md'))
  fs.symlinkSync(at('outside'), at('notes/dir'))
  fs.symlinkSync(at('data'), at('work/dir'))
  for (const given of ['notes/link.txt', 'notes/inner.md', 'notes/dir/secret.txt', 'work/dir/identity.key'])
    await rejectsCode(run('read', { path: given }), 'LINK_OUTSIDE')
  await rejectsCode(run('list', { path: 'notes/dir' }), 'LINK_OUTSIDE')
  await rejectsCode(run('write', { path: 'work/dir/x.txt', content: 'x' }), 'LINK_OUTSIDE')
  fs.symlinkSync(at('outside/new.txt'), at('work/new.txt'))
  for (const replace of [false, true])
    await rejectsCode(run('write', { path: 'work/new.txt', content: 'x', replace }), 'FILE_UNWRITABLE')
  assert.not.ok(fs.existsSync(at('outside/new.txt')))
  // A granted folder may itself be named by a link: the owner did that.
  fs.symlinkSync(at('notes'), at('alias'))
  assert.is(await textOf({ path: 'n/a.md' }, { grants: [`n=${at('alias')}`] }), 'Hello.')
})

test('the data directory is never shown, even inside a granted folder', async () => {
  const grants = [`all=${root}:rw`]
  await rejectsCode(run('read', { path: 'all/data/identity.key' }, { grants }), 'FOLDER_NOT_GRANTED')
  await rejectsCode(run('list', { path: 'all/data' }, { grants }), 'FOLDER_NOT_GRANTED')
  await rejectsCode(
    run('write', { path: 'all/data/api.token', content: 'x' }, { grants }),
    'FOLDER_NOT_GRANTED',
  )
  const { entries } = (await run('list', { path: 'all' }, { grants })).content as {
    entries: { name: string }[]
  }
  assert.not.ok(entries.some(({ name }) => name === 'data'))
  await rejectsCode(
    run('read', { path: 'd/identity.key' }, { grants: [`d=${at('data')}`] }),
    'FOLDER_NOT_GRANTED',
  )
  // A second name of the key.
  fs.linkSync(at('data/identity.key'), at('notes/innocent.md'))
  await rejectsCode(run('read', { path: 'notes/innocent.md' }), 'FOLDER_NOT_GRANTED')
  fs.linkSync(at('notes/a.md'), at('notes/twin.md'))
  assert.is(await textOf({ path: 'notes/twin.md' }), 'Hello.')
})

test('pipes, devices and folders are no texts, and nothing waits for them', async () => {
  execFileSync('mkfifo', [at('notes/pipe')])
  await rejectsCode(run('read', { path: 'notes/pipe' }), 'FILE_SPECIAL')
  await rejectsCode(run('read', { path: 'notes/sub' }), 'FILE_SPECIAL')
  fs.writeFileSync(at('notes/image.png'), Buffer.from([0x89, 0x50, 0xff, 0x00]))
  fs.writeFileSync(at('notes/zero.txt'), 'a\0b')
  for (const name of ['image.png', 'zero.txt'])
    await rejectsCode(run('read', { path: `notes/${name}` }), 'BINARY_FILE')
})

test('whatever is exchanged while a tool looks, no byte from outside is read or written', async () => {
  // Elsewhere no look at an open file tells where it lies (granted-folders.ts).
  if (process.platform !== 'linux') return console.log('skipped: needs Linux')
  fs.mkdirSync(at('work/dir'))
  fs.writeFileSync(at('work/dir/secret.txt'), 'harmless')
  fs.mkdirSync(at('evil'))
  let swaps = 0
  let isOver = false
  // Between two awaits of the tool: the folder becomes a link to outside, and back.
  const swap = () => {
    if (isOver) return
    if (swaps++ % 2 === 0) {
      fs.renameSync(at('work/dir'), at('evil/dir'))
      fs.symlinkSync(at('outside'), at('work/dir'))
    } else {
      fs.unlinkSync(at('work/dir'))
      fs.renameSync(at('evil/dir'), at('work/dir'))
    }
    setImmediate(swap)
  }
  swap()
  let [read, refused, written] = [0, 0, 0]
  try {
    for (let count = 0; count < 150; count++) {
      try {
        assert.is(await textOf({ path: 'work/dir/secret.txt' }), 'harmless')
        read++
      } catch (error) {
        if (!(error instanceof VillageError)) throw error
        refused++
      }
      if (count % 5 === 0)
        try {
          await run('write', { path: `work/dir/new-${count}.txt`, content: 'mine' })
          written++
        } catch (error) {
          if (!(error instanceof VillageError)) throw error
        }
    }
  } finally {
    isOver = true
  }
  assert.equal(fs.readdirSync(at('outside')), ['secret.txt'])
  assert.is(fs.readFileSync(at('outside/secret.txt'), 'utf8'), SECRET)
  assert.ok(refused > 0, `read ${read}, refused ${refused}, written ${written}`)
})

test('writing is for folders that are granted for it, and replaces only what it is told to', async () => {
  await rejectsCode(run('write', { path: 'notes/new.md', content: 'x' }), 'FOLDER_NOT_GRANTED')
  await rejectsCode(run('write', { path: 'work', content: 'x' }), 'FOLDER_NOT_GRANTED')
  const made = await run('write', { path: 'work/new.md', content: 'Grüße' })
  assert.equal(made, {
    trust: 'own',
    summary: 'work/new.md is written',
    content: { path: 'work/new.md', sizeBytes: 7, isNew: true },
  })
  await rejectsCode(run('write', { path: 'work/new.md', content: 'other' }), 'FILE_UNWRITABLE')
  assert.is(fs.readFileSync(at('work/new.md'), 'utf8'), 'Grüße')
  fs.chmodSync(at('work/new.md'), 0o600)
  await run('write', { path: 'work/new.md', content: 'other', replace: true })
  assert.is(fs.readFileSync(at('work/new.md'), 'utf8'), 'other')
  assert.is(fs.statSync(at('work/new.md')).mode & 0o777, 0o600)
  assert.equal(fs.readdirSync(at('work')), ['new.md'])
  await rejectsCode(run('write', { path: 'work/none/x.md', content: 'x' }), 'NOT_FOUND')
  fs.mkdirSync(at('work/sub'))
  await rejectsCode(run('write', { path: 'work/sub', content: 'x', replace: true }), 'FILE_UNWRITABLE')
})

test('files are not shown to whom they are private from', async () => {
  const context = { seesPrivate: false }
  await rejectsCode(run('read', { path: 'notes/a.md' }, { context }), 'PRIVATE_WITHHELD')
  await rejectsCode(run('list', {}, { context }), 'PRIVATE_WITHHELD')
  await rejectsCode(run('write', { path: 'work/x', content: 'x' }, { context }), 'PRIVATE_WITHHELD')
})

test('a folder inside a folder has its own rights', () => {
  const folders = parseGrants([`all=${root}`, `deep=${at('work')}:rw`])
  assert.is(placeOf(folders, at('work/x')).folder.name, 'deep')
  assert.is(placeOf(folders, at('notes/x')).folder.name, 'all')
  assert.is(placeOf(folders, 'all/work/x').label, 'deep/x')
  const guarded = parseGrants([`all=${root}:rw`, `fixed=${at('notes')}`])
  assert.is(placeOf(guarded, 'all/notes/x').folder.isWritable, false)
})

test('the configuration names folders and endpoints by a form that is checked', () => {
  const folders = FIELDS['agents.folders'].check
  assert.is(folders(['notes=/home/me/notes', 'work=/srv/work:rw']), null)
  for (const bad of [['notes'], ['Notes=/a'], ['notes=a'], ['notes=/a', 'notes=/b'], [7], 'notes=/a'])
    assert.type(folders(bad), 'string')
  assert.equal(parseGrants(['a=/x/:rw/y']), [{ name: 'a', directory: '/x/:rw/y', isWritable: false }])
  throwsCode(() => parseGrants(['a']), 'CONFIG_INVALID_VALUE')
  const endpoints = FIELDS['agents.endpoints'].check
  assert.is(
    endpoints(['home=http://127.0.0.1:8080/v1', 'cloud=https://api.example/v1', 'six=http://[::1]:1/v1']),
    null,
  )
  for (const bad of [
    'http://127.0.0.1/v1',
    'a=http://api.example/v1',
    'a=https://me:pw@api.example',
    'a=ftp://localhost',
    'a=https://x/v1?k=1',
  ])
    assert.type(endpoints([bad]), 'string', bad)
})

test.run()
