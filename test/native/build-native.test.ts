import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { nativeLevels } from '../../node/compute/kernels.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const test = suite<{ tree: string }>('build-native')

test.before.each((context) => {
  context.tree = mkdtempSync(join(tmpdir(), 'village-native-'))
  cpSync(join(root, 'native'), join(context.tree, 'native'), {
    recursive: true,
    // Neither what was built here nor what packing left for other machines.
    filter: (path) => !['build', 'prebuilt'].includes(basename(path)),
  })
  cpSync(join(root, 'scripts/build-native.js'), join(context.tree, 'scripts/build-native.js'))
  writeFileSync(join(context.tree, 'package.json'), '{"type":"module"}')
  symlinkSync(join(root, 'node_modules'), join(context.tree, 'node_modules'))
})

test.after.each(({ tree }) => rmSync(tree, { recursive: true, force: true }))

function build(tree: string, env: Record<string, string> = {}): { status: number | null; output: string } {
  const child = spawnSync(process.execPath, [join(tree, 'scripts/build-native.js')], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
  return { status: child.status, output: child.stdout + child.stderr }
}

/** The compiler that is at hand without its optimiser: what is asked here is how the script goes on, and that takes a third of the time. */
function hastyCompiler(tree: string): string {
  const script = join(tree, 'hasty')
  const [compiler] = ['g++', 'clang++', 'c++'].filter(
    (name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0,
  )
  writeFileSync(script, `#!/usr/bin/env bash\nexec ${compiler} "\${@/#-O3/-O0}"\n`, { mode: 0o755 })
  return script
}

test('without a compiler the install goes on, says so, and a stale addon is removed', ({ tree }) => {
  const addon = join(tree, 'native/build/village.node')
  cpSync(join(root, 'scripts/build-native.js'), addon)
  const { status, output } = build(tree, { CXX: 'no-such-compiler' })
  assert.is(status, 0)
  assert.match(output, /no C\+\+ compiler was found/)
  assert.match(output, /reference is used instead/)
  assert.is(output.trim().split('\n').length, 1, 'one line')
  assert.not.ok(existsSync(addon))
})

test('switched off, nothing is compiled', ({ tree }) => {
  const { status, output } = build(tree, { VILLAGE_NATIVE: 'off' })
  assert.is(status, 0)
  assert.match(output, /VILLAGE_NATIVE is off/)
})

test('builds once, and a source that does not compile ends in the reference', ({ tree }) => {
  if (nativeLevels().length === 0) {
    console.log('skipped: compiling (no compiler built the addon here)')
    return
  }
  const addon = join(tree, 'native/build/village.node')
  const env = { CXX: hastyCompiler(tree) }
  assert.match(build(tree, env).output, /native kernels built/)
  const builtMs = statSync(addon).mtimeMs
  assert.is(build(tree, env).output, '', 'nothing to do')
  assert.is(statSync(addon).mtimeMs, builtMs)

  appendFileSync(join(tree, 'native/blockwise.cc'), 'this is not C++\n')
  const broken = build(tree, env)
  assert.is(broken.status, 0)
  assert.match(broken.output, /failed: .*blockwise\.cc.*error/)
  assert.not.ok(existsSync(addon))
})

test('files that are compiled once a SIMD level share no containers of the standard library', () => {
  // Their functions are weak symbols: the linker may give the copy for the widest instruction set to everybody.
  const script = readFileSync(join(root, 'scripts/build-native.js'), 'utf8')
  const listed = /const BY_LEVEL = \[([^\]]*)\]/.exec(script)![1]!.match(/[\w.]+\.cc/g)!
  assert.ok(listed.length > 0)
  const seen = new Set<string>()
  const look = (file: string): void => {
    if (seen.has(file) || !existsSync(join(root, 'native', file))) return
    seen.add(file)
    const source = readFileSync(join(root, 'native', file), 'utf8')
    assert.not.match(source, /#include <(vector|string|map|set|deque|memory|functional)>/, file)
    for (const [, included] of source.matchAll(/#include "([^"]+)"/g)) look(included!)
  }
  for (const file of listed) look(file)
})

test.run()
