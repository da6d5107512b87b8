/**
 * Joins modules of the dashboard into one script, so that the first page is one request and not forty. Each stays in a scope of its own and is
 * run once: modules that are loaded later take what they import of them out of that script.
 * Understood is what the dashboard's modules are written in (ECMAScript, "ECMAScript Language: Scripts and Modules"): imports and exports by
 * name that begin a line, and those of minified libraries; anything else is refused.
 */
import { VillageError } from '../errors.ts'

const IMPORT = /(^|[;}])(import)\s*([^'"();]*?)\s*from\s*(["'])(\.{1,2}\/[^"']+)\4;?/gm
const EXPORTED_NAMES = /(^|[;}])export\s*\{([^}]*)\};?/gm
const EXPORTED_DEFAULT = /(^|[;}])export default (?=function\b|\()/gm
const EXPORTED_DECLARATION = /^export ((?:async )?function\*?|const|class) ?([\w$]+)/gm
const DYNAMIC_IMPORT = /\bimport\((["'])(\.{1,2}\/[^"']+)\1\)/g
const LEFT = /^(?:import|export)\b(?!\()|;(?:import|export)\b(?!\()/m

/** Module URL → its source, those that are imported before those that import them. */
export type Modules = ReadonlyMap<string, string>

const resolve = (specifier: string, from: string) => new URL(specifier, `http://localhost${from}`).pathname

/** `a, b as c` as a pattern that takes the same names out of an object. */
const patternOf = (names: string) => `{ ${names.trim().replaceAll(/\s+as\s+/g, ': ')} }`

function clausePattern(clause: string, url: string): string {
  const [, byDefault, names] = /^([\w$]+)?\s*,?\s*(?:\{([^}]*)\})?$/.exec(clause) ?? []
  if (byDefault === undefined && names === undefined)
    throw new VillageError('INTERNAL', `${url} imports in a way that cannot be joined: ${clause}`)
  const parts = [
    ...(byDefault === undefined ? [] : [`default: ${byDefault}`]),
    ...(names === undefined ? [] : [names.trim().replace(/,$/, '')]),
  ]
  return patternOf(parts.join(', '))
}

export function importsOf(url: string, source: string): string[] {
  return [...source.matchAll(IMPORT)].map(([, , , , , specifier]) => resolve(specifier!, url))
}

/** The modules at these URLs and all that they import at once, in the order in which they can run. */
export function modulesOf(urls: readonly string[], sourceOf: (url: string) => string): Modules {
  const found = new Map<string, string>()
  const open = new Set<string>()
  const visit = (url: string): void => {
    if (found.has(url)) return
    if (open.has(url)) throw new VillageError('INTERNAL', `${url} imports itself, by way of others`)
    open.add(url)
    const source = sourceOf(url)
    for (const imported of importsOf(url, source)) visit(imported)
    open.delete(url)
    found.set(url, source)
  }
  for (const url of urls) visit(url)
  return found
}

/** Module URL → what it is called in the joined script. */
type Names = ReadonlyMap<string, string>

function joinOne(url: string, source: string, names: Names): string {
  const members: string[] = []
  const member = (name: string, local: string) => members.push(name === local ? name : `${name}: ${local}`)
  const body = source
    .replace(IMPORT, (_all, before: string, _import, clause: string, _quote, specifier: string) => {
      const from = names.get(resolve(specifier, url))
      return `${before}const ${clausePattern(clause, url)} = ${from};`
    })
    .replace(EXPORTED_NAMES, (_all, before: string, entries: string) => {
      for (const entry of entries.split(',')) {
        const [local, name = local] = entry.trim().split(/\s+as\s+/)
        if (local !== undefined && local !== '' && name !== undefined) member(name, local)
      }
      return before
    })
    .replace(EXPORTED_DEFAULT, (_all, before: string) => {
      member('default', 'byDefault')
      return `${before}const byDefault = `
    })
    .replace(EXPORTED_DECLARATION, (all, _kind, name: string) => {
      member(name, name)
      return all.slice('export '.length)
    })
    .replace(DYNAMIC_IMPORT, (_all, _quote, specifier: string) => {
      const target = resolve(specifier, url)
      const joined = names.get(target)
      return joined === undefined ? `import('${target}')` : `Promise.resolve(${joined})`
    })
  if (LEFT.test(body)) throw new VillageError('INTERNAL', `${url} cannot be joined with other modules`)
  return `// ${url}\nexport const ${names.get(url)} = (() => {\n${body}\nreturn { ${members.join(', ')} }\n})()\n`
}

export interface Joined {
  readonly text: string
  /** The source of a module beside the script, with what it imports of the joined ones taken out of that. */
  link(url: string, source: string): string
}

/** `scriptUrl` is where the joined script is served. */
export function joinModules(modules: Modules, scriptUrl: string): Joined {
  const names: Names = new Map([...modules.keys()].map((url, index) => [url, `module${index}`]))
  return {
    text: [...modules].map(([url, source]) => joinOne(url, source, names)).join('\n'),
    link: (url, source) =>
      source.replace(IMPORT, (all, before: string, _import, clause: string, _quote, specifier: string) => {
        const name = names.get(resolve(specifier, url))
        if (name === undefined) return all
        return `${before}import { ${name} } from '${scriptUrl}'; const ${clausePattern(clause, url)} = ${name};`
      }),
  }
}
