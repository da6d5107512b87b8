/** Model directories made of symbolic links, as the cache of a hub is. */
import { lstatSync, mkdirSync, readdirSync, renameSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { importModel } from '../../../node/compute/models/import/import-model.ts'
import { writeTinyModel, writeTinySource } from '../../helpers/language-models.ts'
import { temporaryDirectory } from '../../helpers/mesh.ts'

/** `directory`/snapshot has the name of every file as a link to what lies below `directory`/blobs. */
function linkAll(directory: string, files: string): string {
  const snapshot = path.join(directory, 'snapshot')
  const blobs = path.join(directory, 'blobs')
  for (const name of [snapshot, blobs]) mkdirSync(name)
  for (const name of readdirSync(files)) {
    if (!lstatSync(path.join(files, name)).isFile()) continue
    renameSync(path.join(files, name), path.join(blobs, `${name}.blob`))
    symlinkSync(`../blobs/${name}.blob`, path.join(snapshot, name))
  }
  return snapshot
}

async function importLinked(family: 'llama' | 'bert', init: { built: boolean; weightsOnly: boolean }) {
  const directory = await temporaryDirectory()
  const at = (name: string) => path.join(directory, name)
  for (const name of ['files', 'out', 'work']) mkdirSync(at(name))
  if (init.built) writeTinyModel(at('files'), family)
  else writeTinySource(at('files'), family)
  const { kind } = importModel({
    from: linkAll(directory, at('files')),
    outDir: at('out'),
    workDir: at('work'),
    name: 'tiny',
    source: 'test',
    file: null,
    tokenizer: null,
    weightsOnly: init.weightsOnly,
    adapters: true,
  })
  for (const name of readdirSync(at('out'))) assert.ok(lstatSync(path.join(at('out'), name)).isFile(), name)
  return kind
}

test('what links lead to is taken: graphs, safetensors that are built, weights alone', async () => {
  assert.is(await importLinked('llama', { built: true, weightsOnly: false }), 'language')
  assert.is(await importLinked('llama', { built: false, weightsOnly: false }), 'language')
  assert.is(await importLinked('bert', { built: false, weightsOnly: false }), 'encoder')
  assert.is(await importLinked('llama', { built: false, weightsOnly: true }), 'safetensors')
})

test.run()
