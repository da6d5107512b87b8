/** What a newcomer meets: guests, Ctrl-C, refusals that name the option, and files that are not overwritten. */
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { villageWith, withApi } from '../helpers/command-line.ts'
import { FRIEND } from '../helpers/memory-services.ts'

const test = suite('newcomer')

test('Ctrl-C while waiting ends the waiting, names the job and leaves it running', () =>
  withApi(async (_cli, { services, directory }) => {
    const stopping = new AbortController()
    const onError = (text: string) => {
      if (text.includes('is submitted')) stopping.abort()
    }
    const { code, err } = await villageWith(
      { signal: stopping.signal, onError },
      directory,
      'compress',
      'encoder',
      '--wait',
    )
    const [job] = services.jobs.list()
    assert.is(code, 130)
    assert.ok(err.includes(`Job ${job!.id} is submitted.`), err)
    assert.ok(err.includes(`Job ${job!.id} goes on; \`village jobs cancel ${job!.id}\` ends it`), err)
    assert.is(job!.state, 'running')
  }))

test('an invite for guests has no end, in text and in JSON', () =>
  withApi(async (cli) => {
    await cli('create', 'Elm Street', '--open')
    const { code, out } = await cli('invite', '--role', 'guest')
    assert.is(code, 0)
    assert.match(out, /any number of nodes as guest; it does not expire/)
    assert.is((await cli('invite', '--role', 'guest', '--json')).json.expiresAtMs, null)
    const wrong = await cli('invite', '--role', 'king')
    assert.is(wrong.code, 2)
    assert.match(wrong.err, /^error INVALID_ARGUMENT: --role must be one of/)
  }))

test('a guest has a name and no joining date', () =>
  withApi(async (cli, { services }) => {
    await cli('create', 'Elm Street', '--open')
    const [self] = services.villages.members()
    Object.assign(self!, { name: '', role: 'guest', joinedAtMs: 0 })
    const { out } = await cli('members')
    assert.match(out, /^guest +12D3…\S+ +guest +- +this node$/m)
    assert.not.match(out, /1970/)
  }))

test('withdraw, dial, trust and pardon', () =>
  withApi(async (cli, { services }) => {
    await cli('create', 'Elm Street')
    const { json: invite } = await cli('invite', '--json')
    assert.is((await cli('withdraw', invite.id, '--json')).json.withdrawn, invite.id)
    assert.is((await cli('dial', `/ip4/192.0.2.1/tcp/4001/p2p/${FRIEND}`, '--json')).json.peer, FRIEND)
    const wrong = await cli('dial', 'nowhere')
    assert.is(wrong.code, 2)
    assert.match(wrong.err, /ADDRESS must be a multiaddr/)
    assert.equal((await cli('trust', '--json')).json.trust, services.jobs.trust())
    assert.match((await cli('pardon', 'nobody')).err, /NOT_FOUND: No peer has the id nobody/)
    assert.is((await cli('pardon', FRIEND.slice(-6), '--json')).json.pardoned, FRIEND)
  }))

test('artifact get overwrites nothing unasked; artifact list names how many parts it hides', () =>
  withApi(async (cli, { services, directory }) => {
    const { cid } = await services.addArtifact(Buffer.from('new'), { name: 'a.txt' })
    await services.addArtifact(Buffer.from('shard'))
    const listed = await cli('artifact')
    assert.match(listed.out, /1 without a name not shown/)
    assert.not.match((await cli('artifact', 'list', '--all')).out, /not shown/)
    const output = path.join(directory, 'a.txt')
    await writeFile(output, 'old')
    assert.match(
      (await cli('artifact', 'get', cid, '-o', output)).err,
      /FILE_UNWRITABLE: .*--force replaces it/,
    )
    assert.is(await readFile(output, 'utf8'), 'old')
    assert.is((await cli('artifact', 'get', cid, '-o', output, '--force')).code, 0)
    assert.is(await readFile(output, 'utf8'), 'new')
    assert.match((await cli('artifact', 'get', cid, '-o', directory, '--force')).err, /FILE_UNWRITABLE/)
    assert.match((await cli('artifact', 'unpin', cid, 'none')).err, /NOT_FOUND/)
    const from = await cli('artifact', 'fetch', cid, '--from', 'nobody')
    assert.is(from.code, 2)
    assert.match(from.err, /INVALID_ARGUMENT: --from must hold peer IDs/)
  }))

test('village alone prints the help; an unknown job has the code of jobs', () =>
  withApi(async (cli) => {
    assert.match((await cli('jobs', 'show', 'zz')).err, /^error JOB_UNKNOWN/)
    const { code, out } = await cli()
    assert.is(code, 0)
    assert.match(out, /^Usage: village/)
    const wrong = await cli('jobs', 'shw', 'zz')
    assert.is(wrong.code, 2)
    assert.match(wrong.err, /USAGE: jobs has no command "shw"; did you mean show\?/)
    assert.match((await cli('jobs', 'foo')).err, /it has list, show, cancel, priority, rm/)
  }))

test.run()
