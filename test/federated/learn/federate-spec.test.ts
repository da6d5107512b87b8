import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readFederateConfig, readFederateSpec } from '../../../node/federated/learn/read-federate-spec.ts'
import { STRATEGIES } from '../../../node/federated/learn/strategies.ts'
import { federationId, readTerms, signTerms } from '../../../node/federated/learn/terms.ts'
import { canonicalJson } from '../../../node/json.ts'
import { generateSeed, peerOf, signerFromSeed } from '../../../node/mesh/membership/keys.ts'
import { throwsCode } from '../../helpers/throws.ts'

const CONFIG = { name: 'notes', model: 'tiny', data: 'notes', rounds: 10 }

for (const strategy of STRATEGIES)
  test(`${strategy}: what is read is taken again, unchanged`, () => {
    const privacy = { clip: 1, epsilon: 4, delta: 1e-5, samplingRate: 0.5 }
    const withPrivacy = strategy === 'fedavg' ? { privacy, secure: {}, clients: { target: 4 } } : {}
    const spec = readFederateSpec({ ...CONFIG, strategy, ...withPrivacy })
    assert.is(canonicalJson(readFederateSpec(JSON.parse(JSON.stringify(spec)))), canonicalJson(spec))
  })

test('every mistake is named', () => {
  const wrong = (over: object) =>
    throwsCode(() => readFederateSpec({ ...CONFIG, ...over }), 'FEDERATION_CONFIG_INVALID')
  assert.is(wrong({ strategy: 'fedavgg' }).fields.argument, 'strategy')
  assert.is(wrong({ data: '../secrets' }).fields.argument, 'data')
  for (const name of ['a\u001b[2J', 'a\r\nb', 'a\u202eb']) assert.is(wrong({ name }).fields.argument, 'name')
  assert.is(wrong({ model: null }).fields.argument, 'model')
  assert.is(wrong({ clinets: {} }).fields.argument, 'clinets')
  const invalid = (over: object) => wrong(over).fields.argument
  // A slip is named as one, and not by what is missing then.
  assert.match(
    wrong({ rounds: undefined, roundz: 3 }).message,
    '"roundz" is not known; did you mean "rounds"?',
  )
  assert.match(
    wrong({ clients: { minimun: 3 } }).message,
    '"clients.minimun" is not known; did you mean "minimum"?',
  )
  assert.is(invalid({ clients: { minimum: 5, target: 3 } }), 'clients.target')
  assert.is(invalid({ local: { momentum: 0.9 }, strategy: 'scaffold' }), 'local.optimiser')
  assert.is(invalid({ local: { proximal: 1 } }), 'local.proximal')
  assert.is(invalid({ server: { name: 'adam' } }), 'server.name')
  assert.is(invalid({ privacy: { clip: 1, delta: 1e-5, samplingRate: 0.1 } }), 'privacy.noiseMultiplier')
  // What a sum is divided by is public, and nothing that depends on who is there.
  const privacy = { clip: 1, delta: 1e-5, samplingRate: 0.1, noiseMultiplier: 1 }
  assert.is(wrong({ privacy }).fields.argument, 'clients.target')
  const simulated = readFederateSpec({ ...CONFIG, privacy, simulation: { clients: 300 } })
  assert.is(simulated.clients.target, 30)
  // Of two, each would know the other's update.
  assert.is(readFederateSpec({ ...CONFIG, secure: {} }).clients.minimum, 3)
  assert.is(invalid({ secure: {}, clients: { minimum: 2 } }), 'clients.minimum')
  assert.is(invalid({ secure: {}, clients: { minimum: 3, target: 1_001 } }), 'clients.target')
  throwsCode(
    () => readFederateSpec({ ...CONFIG, secure: {}, aggregation: { rule: 'median' } }),
    'FEDERATE_EXCLUDED',
  )
  throwsCode(
    () => readFederateSpec({ ...CONFIG, secure: {}, compression: { codec: 'topk' } }),
    'FEDERATE_EXCLUDED',
  )
  throwsCode(
    () => readFederateConfig({ ...CONFIG, test: ['relative.txt'] }, false),
    'FEDERATION_CONFIG_INVALID',
  )
  throwsCode(() => readFederateConfig(CONFIG, true), 'FEDERATION_CONFIG_INVALID')
  // Nobody trains for what no round can be made of.
  throwsCode(
    () =>
      readFederateSpec({ ...CONFIG, aggregation: { rule: 'krum', adversaries: 1 }, clients: { target: 4 } }),
    'AGGREGATE_TOO_FEW_CLIENTS',
  )
  readFederateSpec({ ...CONFIG, aggregation: { rule: 'krum', adversaries: 1 }, clients: { target: 5 } })
})

const signer = signerFromSeed(generateSeed())
const peer = peerOf(signer.publicKey)
const VILLAGE = 'a village'
const terms = () =>
  signTerms(
    { version: 1, server: peer, village: VILLAGE, createdAtMs: 5, spec: readFederateSpec(CONFIG) },
    signer,
  )

test('terms are those that were signed, by whom they say, for this village', () => {
  const signed = terms()
  assert.is(readTerms(signed, { peer, village: VILLAGE }).spec.name, 'notes')
  assert.is(federationId(signed.bytes).length, 32)
  const other = peerOf(signerFromSeed(generateSeed()).publicKey)
  throwsCode(() => readTerms(signed, { peer: other, village: VILLAGE }), 'FEDERATION_REFUSED')
  throwsCode(() => readTerms(signed, { peer, village: 'another' }), 'FEDERATION_REFUSED')
  const spec = { ...readFederateSpec(CONFIG), rounds: 11 }
  const unsigned = Buffer.from(
    canonicalJson({ version: 1, server: peer, village: VILLAGE, createdAtMs: 5, spec }),
  )
  throwsCode(
    () => readTerms({ bytes: unsigned, signature: signed.signature }, { peer, village: VILLAGE }),
    'FEDERATION_REFUSED',
  )
})

test('signed terms with an unknown part, another order of keys or no sense are refused', () => {
  const sign = (text: string) => {
    const bytes = Buffer.from(text)
    return { bytes, signature: signer.sign('village/federation/1', bytes) }
  }
  const good = Buffer.from(terms().bytes).toString()
  assert.is(readTerms(sign(good), { peer, village: VILLAGE }).version, 1)
  const bad = [
    good.replace('"createdAtMs":5', '"createdAtMs":5,"more":1'),
    good.replace('{"createdAtMs"', '{ "createdAtMs"'),
    good.replace('"rounds":10', '"rounds":1e9'),
    good.slice(0, -1),
    'null',
  ]
  for (const text of bad)
    throwsCode(() => readTerms(sign(text), { peer, village: VILLAGE }), 'FEDERATION_REFUSED')
  // The noise for an ε would be looked for, for as long as a second: refused before that.
  const epsilon = good.replace(
    '"privacy":null',
    '"privacy":{"clip":1,"delta":0.1,"epsilon":8,"samplingRate":1}',
  )
  const { message } = throwsCode(
    () => readTerms(sign(epsilon), { peer, village: VILLAGE }),
    'FEDERATION_REFUSED',
  )
  assert.match(message, 'it names no noise')
})

test('anything at all is refused with a code, or is a specification that is taken again', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(...Object.keys(readFederateSpec(CONFIG))), (value, key) => {
      try {
        const spec = readFederateSpec({ ...CONFIG, [key]: value })
        assert.is(canonicalJson(readFederateSpec(spec)), canonicalJson(spec))
      } catch (error) {
        const { code } = error as { code?: string }
        assert.ok(
          ['FEDERATION_CONFIG_INVALID', 'FEDERATE_EXCLUDED', 'AGGREGATE_TOO_FEW_CLIENTS'].includes(
            code ?? '',
          ),
          String(error),
        )
      }
    }),
    { numRuns: 300 },
  )
})

test.run()
