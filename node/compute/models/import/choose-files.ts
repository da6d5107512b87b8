/** Which files of a directory are the model, and how they come into the registry's own directory. */
import { copyFileSync, existsSync, linkSync, mkdirSync, readdirSync, realpathSync, statSync } from 'node:fs'
import path from 'node:path'
import { VillageError } from '../../../errors.ts'
import { openModel } from '../../onnx/read.ts'
import { refusePickle } from '../builder/build-model.ts'
import { CONFIG_FILE, EXTRA_FILES, MODEL_FILE, README_FILE } from '../model-files.ts'
import { formatOf } from '../weight-source.ts'

/** Where exporters for onnxruntime put graphs. */
const ONNX_FOLDER = 'onnx'
const MAX_EXTRA_BYTES = 64 * 2 ** 20
const MAX_README_BYTES = 2 ** 20

const noModel = (directory: string) =>
  new VillageError(
    'INVALID_ARGUMENT',
    `${directory} has neither an ONNX graph nor safetensors (${MODEL_FILE}, ${ONNX_FOLDER}/${MODEL_FILE}, model.safetensors)`,
    { fields: { argument: 'path' } },
  )

const isFile = (file: string) => statSync(file, { throwIfNoEntry: false })?.isFile() === true

/**
 * The ONNX file of a model directory, or null where it holds safetensors or a packed model instead. `wanted` chooses among
 * several. Throws INVALID_ARGUMENT with what there is, MODEL_PICKLE_REFUSED where there are pickles alone.
 */
export function chooseGraph(directory: string, wanted: string | null): string | null {
  if (wanted !== null) {
    const file = path.resolve(directory, wanted)
    if (!file.startsWith(`${path.resolve(directory)}${path.sep}`) || !/\.onnx$/i.test(file) || !isFile(file))
      throw new VillageError('INVALID_ARGUMENT', `${wanted} is no .onnx file in ${directory}`, {
        fields: { argument: 'file' },
      })
    return file
  }
  const top = path.join(directory, MODEL_FILE)
  if (isFile(top)) return top
  const inFolder = path.join(directory, ONNX_FOLDER, MODEL_FILE)
  if (isFile(inFolder)) return inFolder
  if (formatOf(top) !== 'onnx') return null
  const others = [directory, path.join(directory, ONNX_FOLDER)]
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => path.relative(directory, path.join(folder, name))))
    .filter((name) => /\.onnx$/i.test(name))
  if (others.length === 1) return path.join(directory, others[0]!)
  if (others.length > 1)
    throw new VillageError(
      'INVALID_ARGUMENT',
      `${directory} has several graphs; choose one with --file: ${others.slice(0, 20).join(', ')}`,
      { fields: { argument: 'file' } },
    )
  for (const name of readdirSync(directory)) refusePickle(name)
  throw noModel(directory)
}

/**
 * A second name for the file where the file system allows it, so that gigabytes are not copied. Of a symbolic link (the cache
 * of a hub is full of them) it is the file that it leads to: the link itself would lead nowhere from another directory.
 */
export function linkOrCopy(from: string, to: string): void {
  mkdirSync(path.dirname(to), { recursive: true })
  const file = realpathSync(from)
  try {
    linkSync(file, to)
  } catch {
    copyFileSync(file, to)
  }
}

/** What a model that is built may be read from. */
const SOURCE_FILE = /\.(safetensors|json|jinja|txt|model|md)$/i

/**
 * The directory itself, or, where files in it are symbolic links as in the cache of a hub, `plainDir` with what they lead to:
 * readers of weights follow no links. One folder deep, for the files that say how an encoder pools.
 */
export function withoutLinks(directory: string, plainDir: string): string {
  const entries = readdirSync(directory, { withFileTypes: true })
  if (!entries.some((entry) => entry.isSymbolicLink() && isFile(path.join(directory, entry.name))))
    return directory
  const below = entries.filter((entry) => entry.isDirectory()).map(({ name }) => path.join(name, CONFIG_FILE))
  const names = [...entries.map(({ name }) => name).filter((name) => SOURCE_FILE.test(name)), ...below]
  stageFiles(
    directory,
    plainDir,
    names.filter((name) => isFile(path.join(directory, name))),
  )
  return plainDir
}

/** The graph as model.onnx, with its external data under the names that it knows them by. */
export function stageGraph(file: string, outDir: string): void {
  const directory = path.dirname(file)
  using model = openModel(file)
  for (const external of model.externalFiles)
    linkOrCopy(external, path.join(outDir, path.relative(directory, external)))
  linkOrCopy(file, path.join(outDir, MODEL_FILE))
}

/** Files below a directory, under the names that they have there. */
export function stageFiles(directory: string, outDir: string, files: readonly string[]): void {
  for (const name of files) linkOrCopy(path.join(directory, name), path.join(outDir, name))
}

/** Tokenizer, configuration and card, those that are there and not `except`. Throws MODEL_CONFIG_INVALID for a huge one. */
export function stageExtras(directory: string, outDir: string, except: readonly string[] = []): void {
  for (const name of EXTRA_FILES) {
    const file = path.join(directory, name)
    const target = path.join(outDir, name)
    if (except.includes(name) || !isFile(file) || existsSync(target)) continue
    const { size } = statSync(file)
    if (name === README_FILE && size > MAX_README_BYTES) continue
    if (size > MAX_EXTRA_BYTES)
      throw new VillageError('MODEL_CONFIG_INVALID', `${name} is larger than ${MAX_EXTRA_BYTES} bytes.`, {
        fields: { file: name, field: '' },
      })
    linkOrCopy(file, target)
  }
}
