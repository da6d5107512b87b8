/** Watched folders: what changes is indexed by itself, over restarts, and costs what changed. */
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createFolderWatch } from '../../../../node/agents/rag/collections/folder-watch.ts'
import { createLog } from '../../../../node/log.ts'
import {
  type CollectionNode,
  createEngines,
  startCollections,
  withCollections,
  withFolders,
  writeFiles,
} from '../../../helpers/collection-service.ts'

const test = suite('watching')
const engines = createEngines()
test.after(engines.stop)

/** Resolves when `holds`, which is asked after each event of the node. */
function until(node: CollectionNode, holds: () => Promise<boolean>): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = node.events.subscribe(() => ask())
    const ask = () =>
      holds().then((is) => {
        if (!is) return
        end()
        resolve()
      }, reject)
    ask()
  })
}

const sourcesAre = (node: CollectionNode, ...sources: string[]) =>
  until(node, async () => JSON.stringify(await node.sources('notes')) === JSON.stringify(sources))

test('changes, new folders, renames and removals are followed', () =>
  withFolders((data, folder) =>
    withCollections({ engines, directory: data }, async (node) => {
      await node.collections.create({ name: 'notes' })
      await writeFiles(folder, { 'a.md': 'Apples.', 'sub/b.md': 'Bananas.' })
      await node.indexed('notes', { paths: [folder], watch: true, exclude: ['*.tmp.md'] })
      assert.equal((await node.collections.need('notes')).watched, [folder])
      await node.collections.watched()

      await writeFiles(folder, { 'a.md': 'Apricots.' })
      await until(
        node,
        async () => node.embedded.includes('a\nApricots.') || node.embedded.includes('Apricots.'),
      )
      await writeFiles(folder, {
        'deep/er/c.md': 'Cherries.',
        'x.tmp.md': 'Not this.',
        '.hidden/d.md': 'Nor this.',
      })
      await sourcesAre(node, 'notes/a.md', 'notes/deep/er/c.md', 'notes/sub/b.md')
      await rename(path.join(folder, 'sub'), path.join(folder, 'sup'))
      await sourcesAre(node, 'notes/a.md', 'notes/deep/er/c.md', 'notes/sup/b.md')
      // In a folder that was renamed since it was first watched.
      await writeFiles(folder, { 'sup/e.md': 'Elderberries.' })
      await sourcesAre(node, 'notes/a.md', 'notes/deep/er/c.md', 'notes/sup/b.md', 'notes/sup/e.md')
      await rm(path.join(folder, 'deep'), { recursive: true })
      await sourcesAre(node, 'notes/a.md', 'notes/sup/b.md', 'notes/sup/e.md')
      const runs = node.collections.runs()
      assert.ok(runs.slice(1).every(({ trigger, state }) => trigger === 'watch' && state === 'done'))
      // The first run saw two files; none of the others looked at all of them again.
      assert.ok(runs.slice(1).every(({ files }) => files <= 2))
    }),
  ))

test('what changed while the daemon was off is found at its start; what was removed by hand stays out', () =>
  withFolders(async (data, folder) => {
    await withCollections({ engines, directory: data }, async (node) => {
      await node.collections.create({ name: 'notes', encoder: null })
      await writeFiles(folder, { 'a.md': 'Apples.', 'b.md': 'Bananas.', 'copy.md': 'Bananas.' })
      await node.indexed('notes', { paths: [folder], watch: true })
      await node.collections.removeDocuments('notes', ['notes/b.md'])
    })
    await writeFiles(folder, { 'c.md': 'Cherries.', 'b.md': 'Blueberries.' })
    await rm(path.join(folder, 'a.md'))
    const node = await startCollections({ engines, directory: data })
    try {
      await sourcesAre(node, 'notes/c.md')
      assert.equal(
        node.collections.runs().map(({ trigger }) => trigger),
        ['start'],
      )
      await node.collections.unwatch('notes', folder)
      assert.equal((await node.collections.need('notes')).watched, [])
    } finally {
      await node.stop()
    }
    await writeFiles(folder, { 'd.md': 'Dates.' })
    await withCollections({ engines, directory: data }, async (again) => {
      assert.equal(again.collections.runs(), [])
      assert.equal(await again.sources('notes'), ['notes/c.md'])
    })
  }))

test('a single file is watched through the ways in which editors save', () =>
  withFolders((data, folder) =>
    withCollections({ engines, directory: data }, async (node) => {
      const file = path.join(folder, 'todo.md')
      await writeFile(file, 'Apples.')
      await node.collections.create({ name: 'notes' })
      await node.indexed('notes', { paths: [file], watch: true })
      await node.collections.watched()
      await writeFile(`${file}.new`, 'Bread.')
      await rename(`${file}.new`, file)
      await until(node, async () => node.embedded.some((text) => text.includes('Bread.')))
      await writeFile(file, 'Cheese.')
      await until(node, async () => node.embedded.some((text) => text.includes('Cheese.')))
      assert.equal(await node.sources('notes'), ['todo.md'])
    }),
  ))

test('a folder that is not there yet, or goes and comes back, is found again', () =>
  withFolders(async (_, folder) => {
    const root = path.join(folder, 'later')
    const heard: string[] = []
    let tell = () => {}
    const next = () =>
      new Promise<void>((resolve) => {
        tell = resolve
      })
    const onChange = (relative: string) => {
      heard.push(relative)
      tell()
    }
    const watch = createFolderWatch(
      { log: createLog({ level: 'silent' }) },
      { path: root, onChange, retryMs: 5 },
    )
    try {
      await watch.ready
      let told = next()
      await mkdir(root)
      await told
      assert.ok(heard.includes(''))
      heard.length = 0
      told = next()
      await rm(root, { recursive: true })
      await told
      await mkdir(path.join(root, 'inner'), { recursive: true })
      // Links are not followed: what they lead to is watched where it lies.
      await symlink(folder, path.join(root, 'loop'))
      while (!heard.includes('inner/x.md')) {
        told = next()
        await writeFile(path.join(root, 'inner/x.md'), 'x')
        await Promise.race([told, new Promise((resolve) => setTimeout(resolve, 10))])
      }
    } finally {
      watch.close()
    }
  }))

test.run()
