/** Each check finds what it is there to find: small trees with one thing wrong. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FIELDS } from '../../node/config.ts'
import { ERRORS } from '../../node/errors.ts'
import { API_TAGS } from '../../scripts/check/api-pages.ts'
import { type Check, showFinding } from '../../scripts/check/check.ts'
import { hasCode } from '../../scripts/check/coverage.ts'
import { renderConfigFile } from '../../scripts/check/generated.ts'
import { openProject } from '../../scripts/check/project.ts'
import { CHECKS } from '../../scripts/check/table.ts'

const TSCONFIG = JSON.stringify({
  compilerOptions: {
    module: 'nodenext',
    allowImportingTsExtensions: true,
    noEmit: true,
    strict: true,
    types: [],
  },
  include: ['node/**/*.ts'],
})
const BIOME = JSON.stringify({
  files: { includes: ['node/**', '!test/vectors'] },
  linter: { rules: { preset: 'recommended' } },
  javascript: { formatter: { quoteStyle: 'single', semicolons: 'asNeeded' } },
  json: { formatter: { enabled: false } },
  formatter: { indentStyle: 'space' },
})
const BASE: Record<string, string> = {
  'package.json': JSON.stringify({
    type: 'module',
    version: '1.2.3',
    scripts: { test: 'x' },
    dependencies: { shipped: '1' },
  }),
  'tsconfig.json': TSCONFIG,
  'biome.json': BIOME,
  '.gitattributes': 'test/vectors/** -text\n',
  'CHANGELOG.md': '# Changelog\n\n## [Unreleased]\n',
}

/** Runs `use` on a tree of BASE and these files; null leaves a file of BASE out. */
async function withTree<T>(
  files: Record<string, string | null>,
  use: (project: ReturnType<typeof openProject>) => Promise<T>,
): Promise<T> {
  const root = mkdtempSync(path.join(tmpdir(), 'village-check-'))
  for (const [file, text] of Object.entries({ ...BASE, ...files })) {
    if (text === null) continue
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true })
    writeFileSync(path.join(root, file), text)
  }
  const project = openProject(root)
  try {
    return await use(project)
  } finally {
    project.close()
    rmSync(root, { recursive: true, force: true })
  }
}

function rowOf(name: string): Check {
  const check = CHECKS.find((candidate) => candidate.name === name)
  if (check === undefined) throw new Error(`there is no check ${name}`)
  return check
}

const find = (name: string, files: Record<string, string | null>) =>
  withTree(files, async (project) => (await rowOf(name).run(project)).map(showFinding))

const PROTOCOL = `export const pingSpec = {
  id: '/village/ping/1.0.0',
  access: 'member',
  maxFrameBytes: 65536,
  frameTimeoutMs: 10000,
  maxStreamsByPeer: 2,
  streamsByMinute: 30,
}
`

/** What is wrong, and what the check has to say about it; an empty list says that it must stay quiet. */
const CASES: readonly {
  check: string
  what: string
  files: Record<string, string | null>
  says: RegExp[]
}[] = [
  {
    check: 'types',
    what: 'a type error',
    files: { 'node/a.ts': "export const a: number = 'text'\n" },
    says: [/^node\/a\.ts:1: error TS2322/],
  },
  { check: 'types', what: 'a sound tree', files: { 'node/a.ts': 'export const a = 1\n' }, says: [] },
  {
    check: 'lint',
    what: 'bad format and an unused variable',
    files: { 'node/a.ts': 'export function f()\n{ let x = 1; return 2 }\n' },
    says: [/useConst/, /^node\/a\.ts:2: lint\/correctness\/noUnusedVariables/, /^node\/a\.ts: format/],
  },
  { check: 'lint', what: 'a clean file', files: { 'node/a.ts': 'export const a = 1\n' }, says: [] },
  {
    check: 'imports',
    what: 'upward, by value, by type, by re-export and by a call',
    files: {
      'node/compute/up.ts': 'export const up = 1\nexport type Up = number\n',
      'node/mesh/value.ts': "import { up } from '../compute/up.ts'\nexport const a = up\n",
      'node/mesh/type.ts': "import type { Up } from '../compute/up.ts'\nexport const a: Up = 1\n",
      'node/mesh/reexport.ts': "export * from '../compute/up.ts'\n",
      'node/mesh/call.ts': "export const a = await import('../compute/up.ts')\n",
      'node/mesh/inline.ts': "export const a: import('../compute/up.ts').Up = 1\n",
    },
    says: [
      /^node\/mesh\/call\.ts:1: imports node\/compute\/up\.ts: imports go downward/,
      /^node\/mesh\/inline\.ts:1:/,
      /^node\/mesh\/reexport\.ts:1:/,
      /^node\/mesh\/type\.ts:1:/,
      /^node\/mesh\/value\.ts:1:/,
    ],
  },
  {
    check: 'imports',
    what: 'a package that is not declared, unless for its types alone',
    files: {
      'node/a.ts':
        "import type { T } from 'dev-only'\nimport 'shipped/deep'\nimport 'node:fs'\nimport '@not/declared/x'\nexport type U = T\n",
    },
    says: [/^node\/a\.ts:4: imports @not\/declared, which/],
  },
  {
    check: 'config',
    what: 'keys that nobody reads',
    files: {
      'node/config.ts': `  'api.port': field\n  profile: field\n`,
      'node/a.ts': `export const f = (config: Record<string, number>, other: { profile: number }) => [config['api.port'], other.profile]\n`,
    },
    says: Object.keys(FIELDS)
      .filter((key) => key !== 'api.port')
      .map((key) => new RegExp(`^node/config\\.ts(:\\d+)?: "${key.replaceAll('.', '\\.')}" is read nowhere`)),
  },
  {
    check: 'errors',
    what: 'codes that nobody raises',
    files: {
      'node/errors.ts': `  INTERNAL: {\n  ABORTED: {\nexport const e = new VillageError('ABORTED')\nexport const s = 'TIMEOUT'\n`,
      'node/a.ts': [
        "export const code = 'INTERNAL'",
        "export type Code = 'DISK_FULL'",
        "export const lists: Code[] = ['DISK_FULL']",
        "export const compares = (code: string) => code === 'NOT_FOUND'",
      ].join('\n'),
    },
    says: Object.keys(ERRORS)
      .filter((code) => code !== 'INTERNAL' && code !== 'ABORTED')
      .map((code) => new RegExp(`^node/errors\\.ts(:\\d+)?: ${code} is raised nowhere`)),
  },
  {
    check: 'generated',
    what: 'missing and outdated files',
    files: {
      'node/errors.ts': `{\n${Object.keys(ERRORS)
        .map((code) => `  ${code}: {\n`)
        .join('')}`,
      'daemon.config.json': renderConfigFile().replace('7480', '7481'),
      'docs/config.md': '# Configuration\n',
    },
    says: [
      /^daemon\.config\.json:\d+: differs from its table/,
      /^docs\/api\.md: is missing/,
      ...API_TAGS.map((tag) => new RegExp(`^docs/api/${tag}\\.md: is missing`)),
      /^docs\/cli\.md: is missing/,
      /^docs\/config\.md:\d+: differs/,
      /^docs\/errors\.md: is missing/,
      /^docs\/gateway-fields\.md: is missing/,
      /^docs\/metrics\.md: is missing/,
      /^docs\/village\.1: is missing/,
    ],
  },
  {
    check: 'protocols',
    what: 'a protocol without a document and a document without a protocol',
    files: {
      'node/mesh/protocols/ping.ts': PROTOCOL,
      'docs/protocols/other.md': '# Other\n\n`/village/other/1.0.0` does not exist.\n',
    },
    says: [
      /^docs\/protocols\/other\.md: speaks of \/village\/other\/1\.0\.0, which the code does not know/,
      /^node\/mesh\/protocols\/ping\.ts:2: \/village\/ping\/1\.0\.0 is specified nowhere/,
    ],
  },
  {
    check: 'protocols',
    what: 'limits that are missing',
    files: {
      'node/mesh/protocols/ping.ts': PROTOCOL,
      'docs/protocols/ping.md': '# Ping\n\n`/village/ping/1.0.0`\n',
    },
    says: [/^docs\/protocols\/ping\.md: does not state the limits of \/village\/ping\/1\.0\.0/],
  },
  {
    check: 'protocols',
    what: 'limits that lie',
    files: {
      'node/mesh/protocols/ping.ts': PROTOCOL,
      'docs/protocols/ping.md':
        '# Ping\n\n<!-- limits -->\n| `/village/ping/1.0.0` | anyone | 1 byte |\n<!-- /limits -->\n',
    },
    says: [/^docs\/protocols\/ping\.md: does not state the limits/],
  },
  {
    check: 'sizes',
    what: 'a file of 351 lines',
    files: { 'node/long.ts': 'x\n'.repeat(351), 'node/fits.ts': 'x\n'.repeat(350) },
    says: [/^node\/long\.ts:351: has 351 lines/],
  },
  {
    check: 'text',
    what: 'leftovers, registry hosts and paths of one machine',
    files: {
      'node/a.ts': [
        `// ${'TO'}DO later`,
        `const host = 'https://registry.${'npmjs'}.org/x'`,
        `const file = '/${'home'}/somebody/project/x'`,
        "const system = '/usr/bin/chromium'",
        "const url = 'https://example.org/work/notes'",
      ].join('\n'),
    },
    says: [
      /^node\/a\.ts:1: has a leftover/,
      /^node\/a\.ts:2: names the host/,
      /^node\/a\.ts:3: names a path/,
    ],
  },
  {
    check: 'changelog',
    what: 'no entry for this version',
    files: { 'CHANGELOG.md': '## [1.0.0] - 2020-01-01\n' },
    says: [/\[Unreleased\] section nor one for 1\.2\.3/],
  },
  {
    check: 'changelog',
    what: 'a version without a date',
    files: { 'CHANGELOG.md': '## [1.2.3]\n' },
    says: [/\[1\.2\.3\] has no date/],
  },
  { check: 'changelog', what: 'no changelog', files: { 'CHANGELOG.md': null }, says: [/is missing/] },
  {
    check: 'vectors',
    what: 'vectors that tools may change',
    files: { 'biome.json': '{}', '.gitattributes': null },
    says: [/^biome\.json/, /^\.gitattributes/],
  },
  {
    check: 'documents',
    what: 'links and commands that lead nowhere',
    files: {
      'docs/a.md': '[b](b.md) [gone](gone.md#x) [web](https://example.org) [here](#top)\n`npm run nothing`\n',
      'docs/b.md': '[a](a.md)\n',
    },
    says: [/^docs\/a\.md:1: links to gone\.md,/, /^docs\/a\.md:2: package\.json has no script nothing/],
  },
  {
    check: 'benches',
    what: 'a benchmark without a row',
    files: {
      'scripts/bench/unheard.ts': 'export const unheardBench = {}\n',
      'scripts/bench/helper.ts': 'x\n',
    },
    says: [/^scripts\/bench\/unheard\.ts: is no row/],
  },
]

const rules = suite('check rules')
for (const { check, what, files, says } of CASES)
  rules(`${check}: ${what}`, async () => {
    const found = await find(check, files)
    assert.is(found.length, says.length, found.join('\n'))
    for (const [index, pattern] of says.entries()) assert.match(found[index]!, pattern)
  })

rules('every check but the slow ones has a case', () => {
  for (const { name, slow } of CHECKS)
    assert.ok(slow === true || CASES.some((row) => row.check === name), `${name} has no case`)
})

rules('what --write makes is what the checks accept', async () => {
  const files = {
    'node/errors.ts': `{\n${Object.keys(ERRORS)
      .map((code) => `  ${code}: {\n`)
      .join('')}`,
    'node/mesh/protocols/ping.ts': PROTOCOL,
    'docs/config.md': '',
    'docs/protocols/ping.md': '# Ping\n\n`/village/ping/1.0.0`\n',
  }
  await withTree(files, async (project) => {
    for (const name of ['generated', 'protocols']) {
      const check = rowOf(name)
      assert.not.equal(await check.write?.(project), [])
      assert.equal(await check.run(project), [])
      assert.equal(await check.write?.(project), [], 'written once, nothing changes')
    }
    assert.match(project.read('docs/protocols/ping.md'), '65,536 bytes')
  })
})
rules('a file of types alone has no line to cover', async () => {
  const files = {
    'node/types.ts': "import type { B } from './code.ts'\nexport interface A { b: B }\nexport type { B }\n",
    'node/code.ts': 'export type B = number\nexport const b: B = 1\n',
    'node/effect.ts': "import './code.ts'\n",
  }
  await withTree(files, async (project) => {
    const withCode = project.sources().filter(({ tree }) => hasCode(tree))
    assert.equal(withCode.map(({ file }) => file).sort(), ['node/code.ts', 'node/effect.ts'])
  })
})
rules.run()
