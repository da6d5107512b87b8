/**
 * @mlc-ai/web-xgrammar (XGrammar, arXiv 2411.15100, as WebAssembly), loaded for Node. The package says that it holds ES
 * modules and holds a script for either kind, so that `import` finds nothing in it and `require` refuses it: its text is
 * compiled as the function that it is. A console of its own keeps what it prints out of the daemon's output: when it finds a
 * fault it prints what it was and aborts, and the instance is not used after that.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { compileFunction } from 'node:vm'
import type { CompiledGrammar, GrammarCompiler, GrammarMatcher, TokenizerInfo } from '@mlc-ai/web-xgrammar'
import { VillageError } from '../../errors.ts'

export interface GrammarLibrary {
  readonly TokenizerInfo: Pick<typeof TokenizerInfo, 'createTokenizerInfo'>
  readonly GrammarCompiler: Pick<typeof GrammarCompiler, 'createGrammarCompiler'>
  readonly GrammarMatcher: Pick<typeof GrammarMatcher, 'createGrammarMatcher'>
}

export type { CompiledGrammar, GrammarCompiler, GrammarMatcher, TokenizerInfo }

export interface LoadedLibrary {
  readonly library: GrammarLibrary
  /** The last thing that it complained of, without the place in its sources. */
  complaint(): string
}

const NAME = '@mlc-ai/web-xgrammar'
/** Functions of this kind cannot import; the module is a part of Node. */
const IMPORT = "await import('module')"
const WHERE = /^\[\w+\] \S+:\d+: /
const MAX_COMPLAINT_UNITS = 300

export function loadGrammarLibrary(): LoadedLibrary {
  const require = createRequire(import.meta.url)
  const file = require.resolve(NAME)
  const text = readFileSync(file, 'utf8')
  if (!text.includes(IMPORT))
    throw new VillageError('INTERNAL', `${NAME} is of a version that this cannot load.`)
  let complaint = ''
  const print = (...parts: unknown[]) => {
    const line = parts.join(' ')
    if (WHERE.test(line)) complaint = line.replace(WHERE, '').slice(0, MAX_COMPLAINT_UNITS)
  }
  const exports = {}
  const script = text.replace(IMPORT, "require('module')")
  const names = ['exports', 'module', 'require', '__filename', '__dirname', 'console']
  compileFunction(script, names, { filename: file }).call(
    exports,
    exports,
    { exports },
    createRequire(file),
    file,
    dirname(file),
    { log: print, error: print, warn: print },
  )
  return { library: exports as GrammarLibrary, complaint: () => complaint }
}
