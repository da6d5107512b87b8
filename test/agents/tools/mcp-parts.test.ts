/** The pure parts of the MCP client: configuration, frozen descriptions, schemas that strangers wrote. */
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  accept,
  type FrozenTool,
  freeze,
  type OfferedTool,
  toolName,
} from '../../../node/agents/tools/mcp/frozen-tools.ts'
import { serverEnvironment, serverToken } from '../../../node/agents/tools/mcp/server-environment.ts'
import { plainText, safeSchema } from '../../../node/agents/tools/mcp/tool-schema.ts'
import { checkMcpServers, parseMcpServer } from '../../../node/config-mcp-servers.ts'
import type { JsonObject } from '../../../node/json.ts'

test('entries of the configuration', () => {
  assert.equal(parseMcpServer('files=npx -y "my server" --at \'/srv/a b\' --say="it is \\"so\\""'), {
    kind: 'stdio',
    name: 'files',
    command: 'npx',
    arguments: ['-y', 'my server', '--at', '/srv/a b', '--say=it is "so"'],
  })
  assert.equal(parseMcpServer('docs=https://docs.example/mcp'), {
    kind: 'http',
    name: 'docs',
    url: 'https://docs.example/mcp',
  })
  assert.is(parseMcpServer('here=http://127.0.0.1:9000/mcp')?.kind, 'http')
  for (const wrong of [
    'docs=http://docs.example/mcp', // a token in the clear
    'docs=https://user:secret@docs.example/mcp',
    'docs=https://docs.example/mcp#part',
    'Docs=npx server',
    'two_words=npx server',
    'npx server',
    'x=',
    'x= ',
    'x="open',
    '=npx',
    null,
    7,
  ])
    assert.is(parseMcpServer(wrong), null, String(wrong))
  assert.is(checkMcpServers(['a=x', 'b=y']), null)
  assert.type(checkMcpServers(['a=x', 'a=y']), 'string')
  assert.type(checkMcpServers('a=x'), 'string')
})

test('a server sees what is named for it, and no more', () => {
  const environment = {
    PATH: '/bin',
    HOME: '/home/me',
    VILLAGE_KEY: 'k',
    SECRET: 's',
    VILLAGE_MCP_ENV_FILES_ROOT_KEY: 'r',
    VILLAGE_MCP_ENV_FILES_PATH: '/own/bin',
    VILLAGE_MCP_ENV_FILES_: 'nothing',
    VILLAGE_MCP_TOKEN_DOCS: 't',
  }
  assert.equal(serverEnvironment('files', environment), { PATH: '/own/bin', HOME: '/home/me', ROOT_KEY: 'r' })
  assert.is(serverToken('docs', environment), 't')
  assert.is(serverToken('files', environment), null)
})

test('names are of the table’s alphabet, and differ where the server’s differ', () => {
  const name = fc.string({ minLength: 1, maxLength: 128 })
  fc.assert(
    fc.property(name, name, (a, b) => {
      const [first, second] = [toolName('server', a), toolName('server', b)]
      assert.match(first, /^mcp_server_[a-z0-9_]+$/)
      assert.ok(first.length <= 64)
      assert.is(first === second, a === b)
    }),
  )
})

test('whatever a server sends as a schema: it is refused, or it compiles, is small, and has nothing of a pattern', () => {
  const leaf = fc.oneof(
    fc.constant({ type: 'string', pattern: '^(a+)+$', format: 'regex' }),
    fc.constant({ $ref: '#/$defs/a' }),
    fc.constant({ $ref: 'https://elsewhere.example/x' }),
    fc.constant({ $dynamicRef: '#x', unevaluatedProperties: false }),
    fc.constant({ type: ['string', 'null'], enum: ['a', null], minimum: 'x', required: 7 }),
    fc.jsonValue(),
  )
  const { node } = fc.letrec((tie) => ({
    node: fc.oneof(
      { depthSize: 'small' },
      leaf,
      fc.record({ type: fc.constant('object'), properties: fc.dictionary(fc.string(), tie('node')) }),
      fc.record({ anyOf: fc.array(tie('node'), { maxLength: 3 }), description: fc.string() }),
      fc.record({ type: fc.constant('array'), items: tie('node') }),
    ),
  }))
  fc.assert(
    fc.property(fc.dictionary(fc.string(), node), node, (properties, definition) => {
      const schema = safeSchema({ type: 'object', properties, $defs: { a: definition } } as JsonObject)
      if (schema === null) return
      const keywords: string[] = []
      // Names of properties are the server's to choose; what is under them is a schema again.
      const walk = (value: unknown, isSchema: boolean): void => {
        if (typeof value !== 'object' || value === null) return
        for (const [key, child] of Object.entries(value)) {
          if (isSchema) keywords.push(key)
          if (['enum', 'const', 'default'].includes(key) && isSchema) continue
          walk(child, !(isSchema && ['properties', 'anyOf', 'oneOf', 'allOf'].includes(key)))
        }
      }
      walk(schema, true)
      for (const keyword of ['pattern', 'patternProperties', '$ref', '$dynamicRef', 'format'])
        assert.not(keywords.includes(keyword), keyword)
      new Ajv2020({ strict: false, logger: false }).compile(schema)
    }),
    { numRuns: 40 },
  )
})

test('references are counted as often as they are used: a small schema cannot become a huge one', () => {
  const levels = 5
  const bomb = (width: number) => {
    const definition = (level: number) => ({
      type: 'object',
      properties: Object.fromEntries(
        Array.from({ length: width }, (_, n) => [
          `p${n}`,
          level === levels ? { type: 'string' } : { $ref: `#/$defs/d${level + 1}` },
        ]),
      ),
    })
    const names = Array.from({ length: levels }, (_, n) => [`d${n + 1}`, definition(n + 1)])
    return { ...definition(0), $defs: Object.fromEntries(names) } as JsonObject
  }
  assert.ok(safeSchema(bomb(2)) !== null)
  // 10 KB that would be a billion schemas.
  for (const width of [8, 64]) assert.is(safeSchema(bomb(width)), null)
  const wide = { type: 'object', anyOf: Array.from({ length: 5_000 }, () => ({})) }
  assert.is(safeSchema(wide), null)
})

test('a schema that refers to itself ends', () => {
  const tree = { type: 'object', properties: { child: { $ref: '#/$defs/tree' } } }
  assert.is(safeSchema({ ...tree, $defs: { tree } }), null)
  assert.equal(
    safeSchema({
      type: 'object',
      properties: { to: { $ref: '#/$defs/place' } },
      $defs: { place: { type: 'string' } },
    }),
    {
      type: 'object',
      properties: { to: { type: 'string' } },
      additionalProperties: false,
    },
  )
})

test('text of a server is one bounded line', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 3_000 }), (text) => {
      const plain = plainText(text, 200)
      assert.ok(plain.length <= 200)
      assert.not.match(plain, /[\p{Cc}\p{Cf}\n]/u)
    }),
  )
})

const offered = fc.record({
  name: fc.string({ maxLength: 12 }),
  description: fc.string({ maxLength: 12 }),
  inputSchema: fc.constantFrom(
    { type: 'object' },
    { type: 'object', properties: { a: {} } },
    { type: 'array' },
  ),
}) satisfies fc.Arbitrary<OfferedTool>

test('no sequence of lists changes what a tool was seen as, until it is accepted', () => {
  fc.assert(
    fc.property(fc.array(fc.array(offered, { maxLength: 6 }), { minLength: 1, maxLength: 6 }), (lists) => {
      let known: readonly FrozenTool[] = []
      const first = new Map<string, string>()
      for (const list of lists) {
        const { tools } = freeze('s', known, list)
        for (const tool of tools) {
          first.set(tool.name, first.get(tool.name) ?? tool.fingerprint)
          assert.is(tool.fingerprint, first.get(tool.name))
          const taken = accept(tool)
          assert.is(taken.changed, null)
          assert.is(taken.fingerprint, tool.changed?.fingerprint ?? tool.fingerprint)
          // What can be called is what was seen first and is offered in the same words now.
          if (tool.isOffered && tool.changed === null)
            assert.ok(freeze('s', [], list).tools.some(({ fingerprint }) => fingerprint === tool.fingerprint))
        }
        known = tools
      }
    }),
  )
})

test('a server that invents names has its first ones alone', () => {
  let known: readonly FrozenTool[] = []
  for (let round = 0; round < 5; round += 1) {
    const list = Array.from({ length: 256 }, (_, index) => ({
      name: `t${round}_${index}`,
      inputSchema: { type: 'object' },
    }))
    const { tools, refused } = freeze('s', known, list)
    known = tools
    assert.is(tools.length, Math.min(512, 256 * (round + 1)))
    assert.is(refused.length, round < 2 ? 0 : 256)
  }
  assert.is(known[0]?.name, 'mcp_s_t0_0')
})

test.run()
