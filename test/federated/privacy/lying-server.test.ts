import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { VillageError } from '../../../node/errors.ts'
import {
  bitmapOf,
  KeyListMessage,
  type KeysMessage,
  SharesMessage,
  SignaturesMessage,
  SurvivorsMessage,
  UnmaskingMessage,
} from '../../../node/federated/privacy/secure-messages.ts'
import type { SECURE_STAGES } from '../../../node/federated/privacy/secure-sum.ts'
import { signerFromSeed } from '../../../node/mesh/membership/keys.ts'
import { openSession, plainSum, runSession, seededBytes } from '../../helpers/secure-session.ts'

const isCode = (code: string) => (error: unknown) => error instanceof VillageError && error.code === code
const isRefused = isCode('SECURE_SUM_REFUSED')
const isTooFew = isCode('SECURE_SUM_TOO_FEW')

const lies = suite('a server that lies')

/** Runs with what one client hears changed in a stage, while another drops out at `inputs`: the first has to refuse, and nobody else. */
function refuses(stage: (typeof SECURE_STAGES)[number], change: (sent: Uint8Array) => Uint8Array): void {
  const session = openSession(6, { threshold: 4, seed: 8 })
  const refusals: unknown[] = []
  runSession(session, {
    dropsOut: (client, now) => now === 'inputs' && client === 5,
    hears: (client, now, sent) => (client === 0 && now === stage ? change(sent) : sent),
    refused: (client, now, error) => refusals.push([client, now, isRefused(error)]),
  })
  assert.equal(refusals, [[0, stage, true]])
}

lies('keys of clients that are no participants, or not signed by them, are refused', () => {
  const stranger = signerFromSeed(seededBytes(99, 'stranger')(32))
  const changeEntry =
    (change: (entry: { position: number; identity: Uint8Array; keys: KeysMessage | undefined }) => object) =>
    (sent: Uint8Array) => {
      const list = KeyListMessage.decode(sent)
      const entries = list.entries.map((entry, i) => (i === 1 ? { ...entry, ...change(entry) } : entry))
      return KeyListMessage.encode({ ...list, entries })
    }
  refuses(
    'shares',
    changeEntry(() => ({ identity: stranger.publicKey })),
  )
  refuses(
    'shares',
    changeEntry(({ keys }) => ({ keys: { ...keys!, maskKey: seededBytes(1, 'k')(32) } })),
  )
  refuses(
    'shares',
    changeEntry(() => ({ keys: undefined })),
  )
  refuses(
    'shares',
    changeEntry(() => ({ position: 0 })),
  )
  refuses('shares', (sent) =>
    KeyListMessage.encode({ ...KeyListMessage.decode(sent), roster: new Uint8Array(32) }),
  )
  refuses('shares', (sent) => {
    const list = KeyListMessage.decode(sent)
    return KeyListMessage.encode({ ...list, entries: [...list.entries.slice(1), list.entries[1]!] })
  })
})

lies('fewer shares than the threshold, or such of strangers, are refused', () => {
  const shares =
    (change: (list: { position: number; sealed: Uint8Array }[]) => object[]) => (sent: Uint8Array) =>
      SharesMessage.encode({
        shares: change(SharesMessage.decode(sent).shares) as { position: number; sealed: Uint8Array }[],
      })
  refuses(
    'inputs',
    shares((list) => list.slice(0, 2)),
  )
  refuses(
    'inputs',
    shares((list) => [...list, list[0]!]),
  )
  refuses(
    'inputs',
    shares((list) => list.map((entry) => ({ ...entry, position: 50 }))),
  )
})

lies('a set of survivors without the client, too small or impossible is not signed', () => {
  const survivors = (positions: number[]) => () => SurvivorsMessage.encode({ bitmap: bitmapOf(positions, 6) })
  const ownPosition = openSession(6, { threshold: 4, seed: 8 }).clients.map(({ id }) => id)
  const sorted = [...ownPosition].sort()
  const own = sorted.indexOf(ownPosition[0]!)
  const others = [0, 1, 2, 3, 4, 5].filter((position) => position !== own)
  refuses('survivors', survivors(others))
  refuses('survivors', survivors([own, ...others.slice(0, 2)]))
  refuses('survivors', () => SurvivorsMessage.encode({ bitmap: new Uint8Array(3).fill(255) }))
})

lies('two sets of survivors never both get enough shares: no client shows both shares of another', () => {
  // The server tells half of the clients that the victim survived and the other half that it did not.
  const count = 6
  const session = openSession(count, { threshold: 4, seed: 8 })
  const sorted = session.clients.map(({ id }) => id).sort()
  const victim = sorted.indexOf(session.clients[5]!.id)
  const shown: { seeds: number[]; keys: number[] }[] = []
  const refusals: unknown[] = []
  const everyone = sorted.map((_, position) => position)
  assert.throws(
    () =>
      runSession(session, {
        hears: (client, stage, sent) =>
          stage === 'survivors' && client < 3
            ? SurvivorsMessage.encode({
                bitmap: bitmapOf(
                  everyone.filter((p) => p !== victim),
                  count,
                ),
              })
            : sent,
        says: (_client, stage, message) => {
          if (stage === 'unmasking') {
            const { seeds, keys } = UnmaskingMessage.decode(message)
            shown.push({ seeds: seeds.map((s) => s.position), keys: keys.map((k) => k.position) })
          }
          return message
        },
        refused: (client, stage, error) => refusals.push([client, stage, isRefused(error)]),
      }),
    isTooFew,
  )
  // The three that were lied to signed something else, so that nobody found four equal signatures.
  assert.equal(shown, [])
  assert.ok(refusals.length >= 3)
})

lies('signatures of others, forged or repeated, do not count', () => {
  const signatures =
    (
      change: (
        list: { position: number; signature: Uint8Array }[],
      ) => { position: number; signature: Uint8Array }[],
    ) =>
    (sent: Uint8Array) =>
      SignaturesMessage.encode({ signatures: change(SignaturesMessage.decode(sent).signatures) })
  refuses(
    'unmasking',
    signatures((list) => list.slice(0, 2)),
  )
  refuses(
    'unmasking',
    signatures((list) => list.map(({ position }) => ({ position, signature: new Uint8Array(64) }))),
  )
  refuses(
    'unmasking',
    signatures((list) => list.map(() => list[0]!)),
  )
})

lies('a client shows one share of each other, for its own set of survivors, once', () => {
  const session = openSession(6, { threshold: 4, seed: 8 })
  let heard: Uint8Array = new Uint8Array(0)
  runSession(session, {
    dropsOut: (client, stage) => stage === 'inputs' && client === 5,
    hears: (client, stage, sent) => {
      if (client === 0 && stage === 'unmasking') heard = sent
      return sent
    },
    says: (_client, stage, message) => {
      if (stage === 'unmasking') {
        const { seeds, keys } = UnmaskingMessage.decode(message)
        assert.is(seeds.length, 5)
        assert.is(keys.length, 1)
        assert.is(new Set([...seeds, ...keys].map(({ position }) => position)).size, 6)
      }
      return message
    },
  })
  const { sum, survivors } = session.server.result!
  assert.is(survivors.length, 5)
  assert.equal([...sum], plainSum(session, survivors))
  assert.throws(() => session.clients[0]!.machine.unmask(heard), isRefused)
})

lies('a threshold of half of the clients or less is refused', () => {
  const session = openSession(6, { threshold: 3 })
  const refusals: unknown[] = []
  assert.throws(
    () => runSession(session, { refused: (_c, stage, error) => refusals.push([stage, isRefused(error)]) }),
    isTooFew,
  )
  assert.equal(
    refusals,
    Array.from({ length: 6 }, () => ['shares', true]),
  )
})

lies.run()
