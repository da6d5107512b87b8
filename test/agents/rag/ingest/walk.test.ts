import { execFileSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { WalkEvent, WalkSummary } from '../../../../node/agents/rag/ingest/parsed-file.ts'
import { type WalkOptions, walkFiles } from '../../../../node/agents/rag/ingest/walk.ts'
import { VillageError } from '../../../../node/errors.ts'

interface Context {
  root: string
  outside: string
}

const test = suite<Context>('walk')

test.before.each(async (context) => {
  context.root = await mkdtemp(path.join(tmpdir(), 'village-walk-'))
  context.outside = await mkdtemp(path.join(tmpdir(), 'village-outside-'))
})

test.after.each(async ({ root, outside }) => {
  await chmod(path.join(root, 'locked'), 0o700).catch(() => {})
  for (const directory of [root, outside]) await rm(directory, { recursive: true, force: true })
})

async function put(root: string, ...names: string[]): Promise<void> {
  for (const name of names) {
    await mkdir(path.dirname(path.join(root, name)), { recursive: true })
    await writeFile(path.join(root, name), 'text')
  }
}

interface Walked {
  files: string[]
  problems: string[]
  summary: WalkSummary
  isComplete: boolean
}

async function walk(root: string, options: Partial<WalkOptions> = {}): Promise<Walked> {
  const events: WalkEvent[] = []
  for await (const event of walkFiles(root, { signal: new AbortController().signal, ...options }))
    events.push(event)
  const last = events.pop()
  if (last?.kind !== 'summary') throw new Error('the summary is missing')
  const files: string[] = []
  const problems: string[] = []
  for (const event of events) {
    if (event.kind === 'file') files.push(event.file.source)
    else if (event.kind === 'problem') problems.push(`${event.problem.source} ${event.problem.code}`)
  }
  return { files, problems, summary: last.summary, isComplete: last.isComplete }
}

test('files in order; hidden ones, packages and other formats are counted', async ({ root }) => {
  await put(
    root,
    'b.md',
    'a/2.txt',
    'a/1.txt',
    'c/d/e.html',
    'README',
    '.hidden/x.md',
    '.env.md',
    '.git/config.txt',
  )
  await put(root, 'node_modules/p/index.js', 'a/picture.png', 'b.png', 'c.jpeg', 'noextension')
  const { files, problems, summary, isComplete } = await walk(root)
  assert.equal(files, ['README', 'a/1.txt', 'a/2.txt', 'b.md', 'c/d/e.html'])
  assert.equal(problems, [])
  assert.is(isComplete, true)
  assert.is(summary.files, 5)
  assert.is(summary.hidden, 4)
  assert.equal(summary.unsupported, [
    { extension: '.png', files: 2 },
    { extension: '.jpeg', files: 1 },
    { extension: 'other', files: 1 },
  ])
})

test('hidden files on request, version control never', async ({ root }) => {
  await put(root, '.notes/x.md', '.git/y.md')
  assert.equal((await walk(root, { hidden: true })).files, ['.notes/x.md'])
})

test('.gitignore, include and exclude', async ({ root }) => {
  await put(
    root,
    'keep.md',
    'drop.md',
    'build/a.md',
    'sub/drop.md',
    'sub/own.md',
    'sub/b.txt',
    'sub/deep/own.md',
  )
  await writeFile(path.join(root, '.gitignore'), '# comment\n/drop.md\nbuild/\n')
  await writeFile(path.join(root, 'sub/.gitignore'), 'own.md\n!deep/own.md\n')
  const all = await walk(root)
  assert.equal(all.files, ['keep.md', 'sub/b.txt', 'sub/deep/own.md', 'sub/drop.md'])
  assert.is(all.summary.excluded, 3)
  assert.equal((await walk(root, { include: ['*.txt', 'keep.*'] })).files, ['keep.md', 'sub/b.txt'])
  assert.equal((await walk(root, { exclude: ['sub'] })).files, ['keep.md'])
  assert.is((await walk(root, { gitignore: false })).files.length, 7)
})

test('links: within the folder once, outside and broken ones reported, circles end', async ({
  root,
  outside,
}) => {
  await put(root, 'a/one.md', '.store/two.md', '.store/three/x.md')
  await put(outside, 'secret.md')
  const links = [
    ['..', 'a/up'],
    ['.', 'a/self'],
    [root, 'whole'],
    ['a/one.md', 'again.md'],
    ['.store/two.md', 'two.md'],
    ['.store/two.md', 'two-again.md'],
    ['.store/three', 'three'],
    [outside, 'out'],
    [path.join(outside, 'secret.md'), 'secret.md'],
    ['nowhere', 'broken.md'],
    ['loop2', 'loop1'],
    ['loop1', 'loop2'],
  ] as const
  for (const [target, name] of links) await symlink(target, path.join(root, name))
  const { files, problems, summary, isComplete } = await walk(root)
  assert.equal(files, ['a/one.md', 'three/x.md', 'two-again.md'])
  assert.equal(problems, [
    'broken.md LINK_BROKEN',
    'loop1 LINK_BROKEN',
    'loop2 LINK_BROKEN',
    'out LINK_OUTSIDE',
    'secret.md LINK_OUTSIDE',
  ])
  assert.is(summary.linked, 5)
  assert.is(isComplete, true)
})

test('pipes and sockets are not opened', async ({ root }) => {
  if (process.platform === 'win32') {
    console.log('skipped: no pipes in folders on this system')
    return
  }
  await put(root, 'a.md')
  execFileSync('mkfifo', [path.join(root, 'pipe.md')])
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(path.join(root, 'socket.md'), resolve))
  const { files, problems } = await walk(root)
  await new Promise((resolve) => server.close(resolve))
  assert.equal(files, ['a.md'])
  assert.equal(problems, ['pipe.md FILE_SPECIAL', 'socket.md FILE_SPECIAL'])
})

test('names that are no text are reported', async ({ root }) => {
  if (process.platform !== 'linux') {
    console.log('skipped: names of bytes exist on Linux only')
    return
  }
  await writeFile(Buffer.concat([Buffer.from(`${root}/bad`), Buffer.from([0xff, 0x2e, 0x6d, 0x64])]), 'x')
  await put(root, 'line\nbreak.md', 'gööd 🌍.md')
  const { files, problems } = await walk(root)
  assert.equal(files, ['gööd 🌍.md'])
  assert.equal(problems, ['badÿ.md FILE_NAME_INVALID', 'line?break.md FILE_NAME_INVALID'])
})

test('a folder that cannot be read makes the walk incomplete', async ({ root }) => {
  await put(root, 'a.md', 'locked/b.md', 'z.md')
  await chmod(path.join(root, 'locked'), 0)
  if (process.getuid?.() === 0) {
    console.log('skipped: the superuser can read every folder')
    return
  }
  const { files, problems, isComplete } = await walk(root)
  assert.equal(files, ['a.md', 'z.md'])
  assert.equal(problems, ['locked FILE_UNREADABLE'])
  assert.is(isComplete, false)
})

test('folders that are too deep are reported, and nothing else is lost', async ({ root }) => {
  await put(root, `${'d/'.repeat(70)}deep.md`, `${'d/'.repeat(60)}fine.md`)
  const { files, problems, isComplete } = await walk(root)
  assert.equal(files, [`${'d/'.repeat(60)}fine.md`])
  assert.equal(problems, [`${'d/'.repeat(65).slice(0, -1)} FOLDER_TOO_DEEP`])
  assert.is(isComplete, false)
})

test('a single file, one of another format, and nothing at all', async ({ root }) => {
  await put(root, 'a.md', 'b.png')
  assert.equal((await walk(path.join(root, 'a.md'))).files, ['a.md'])
  assert.equal((await walk(path.join(root, 'b.png'))).problems, ['b.png FILE_UNSUPPORTED'])
  try {
    await walk(path.join(root, 'missing'))
    assert.unreachable()
  } catch (error) {
    assert.is(error instanceof VillageError && error.code, 'NOT_FOUND')
  }
})

test('it stops when it is told to', async ({ root }) => {
  await put(root, ...Array.from({ length: 300 }, (_, i) => `${i}.md`))
  const abort = new AbortController()
  let seen = 0
  try {
    for await (const event of walkFiles(root, { signal: abort.signal }))
      if (event.kind === 'file' && ++seen === 10) abort.abort()
    assert.unreachable()
  } catch (error) {
    assert.is((error as Error).name, 'AbortError')
  }
  assert.ok(seen < 300)
})

test.run()
