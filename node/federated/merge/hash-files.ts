/** What a directory of weights held when it was merged. */
import { createHash } from 'node:crypto'
import { createReadStream, readdirSync } from 'node:fs'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'

/** Weights, configuration and tokenizer; whatever else lies beside them does not change a merge. */
const READ_FILE = /\.(safetensors|onnx|data|json|jinja)$/

/** By name, in order. */
export async function hashModelFiles(directory: string): Promise<Record<string, string>> {
  const names = readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isFile() && READ_FILE.test(entry.name))
    .map(({ name }) => name)
    .sort()
  const hashes: [string, string][] = []
  for (const name of names) {
    const hash = createHash('sha256')
    await pipeline(createReadStream(path.join(directory, name)), hash)
    hashes.push([name, hash.digest('hex')])
  }
  return Object.fromEntries(hashes)
}
