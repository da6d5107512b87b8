/**
 * Brings onnxruntime-node into the package: what its own package has for Linux, without the installation script that fetches
 * graphics libraries from beyond the registry, and ends the whole installation where their server cannot be reached.
 * `bundleDependencies` would do neither: it packs what is installed as it is, 288 MB of four systems, and npm runs its scripts.
 */
import { copyFileSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** Packages below node_modules of dist/: the emitted modules find them there first, under their own names. */
export const BROUGHT_IN = ['onnxruntime-node'] as const

/** Its JavaScript, and the library for processors; `libonnxruntime_providers_*` are what the script would fetch. */
const KEPT = ['dist/*.js', 'bin/napi-v*/linux/{x64,arm64}/{onnxruntime_binding.node,libonnxruntime.so.*}']

interface Manifest {
  readonly name: string
  readonly version: string
  readonly description?: string
  readonly license: string
  readonly repository?: unknown
  readonly main: string
  readonly dependencies: Readonly<Record<string, string>>
}

const NOTICE = (version: string) => `ONNX Runtime ${version} for Node.js, changed in packing
Copyright (c) Microsoft Corporation

This is the npm package onnxruntime-node ${version} with parts left out: the binaries of systems other than Linux, the installation
script with what it alone needs, types and source maps. Its manifest names neither that script nor those dependencies any more. The files
that are here are as they were published.

The licence of the whole is the MIT licence:

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the
"Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish,
distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to
the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR
ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH
THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.

What the library itself is built from, and its terms: ThirdPartyNotices.txt of
https://github.com/microsoft/onnxruntime/tree/v${version}
`

/**
 * Fills `dist`/node_modules/onnxruntime-node from the installed package, and returns what was copied (paths below it). Throws where
 * that package is not made as is known here: another main module, or no binary of a platform.
 */
export function bringOnnxruntime(root: string, dist: string): readonly string[] {
  const from = path.join(root, 'node_modules/onnxruntime-node')
  const to = path.join(dist, 'node_modules/onnxruntime-node')
  const manifest = JSON.parse(readFileSync(path.join(from, 'package.json'), 'utf8')) as Manifest
  const own = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as Manifest
  const common = manifest.dependencies['onnxruntime-common']
  if (common === undefined || own.dependencies['onnxruntime-common'] !== common)
    throw new Error(`package.json must name onnxruntime-common ${common}: onnxruntime-node asks for it`)
  rmSync(to, { recursive: true, force: true })
  const files = KEPT.flatMap((pattern) => globSync(pattern, { cwd: from })).sort()
  const platforms = ['x64', 'arm64'].map((cpu) => `/linux/${cpu}/onnxruntime_binding.node`)
  for (const wanted of [manifest.main, ...platforms])
    if (!files.some((file) => file.endsWith(wanted))) throw new Error(`onnxruntime-node has no ${wanted}`)
  for (const file of files) {
    mkdirSync(path.dirname(path.join(to, file)), { recursive: true })
    copyFileSync(path.join(from, file), path.join(to, file))
  }
  const { name, version, description, license, repository, main } = manifest
  const changed = {
    ...{ name, version, description, license, repository, main },
    dependencies: { 'onnxruntime-common': common },
  }
  writeFileSync(path.join(to, 'package.json'), `${JSON.stringify(changed, null, 2)}\n`)
  writeFileSync(path.join(to, 'LICENSE'), NOTICE(version))
  return files
}
