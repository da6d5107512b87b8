/** The steps of a bundle's verification, inside the namespaces that verify.ts made. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { contactsOf, strayContacts } from './traced-addresses.ts'
import { createMachine, type Machine } from './verify-machine.ts'

const [bundle = '', base = '', work = ''] = process.argv.slice(2)

/** The address that the invite names is gone when the other machine reads it: only multicast DNS is left. */
const OLD_ADDRESS = '10.88.0.1/24'
const ADDRESSES = ['10.77.0.1/24', '10.77.0.2/24']
const NETWORKS = ['10.88.0.', '10.77.0.']
const NOTES = {
  'well.md':
    '# The well\n\nThe village well is 34 metres deep. It was dug in 1911 by the Moreau family.\n\n## Pump\n\nThe pump is serviced every spring by Ilse.\n',
  'mill.md':
    '# The mill\n\nThe old mill grinds rye on Thursdays. Its stone was replaced in 2009 and came from Brittany.\n',
}
const QUESTION = 'How deep is the village well?'
const ANSWER = '34 metres'
/** A fast machine may do a small job before the other has asked for work. */
const MAX_JOBS = 4

const startedAt = performance.now()
const seconds = () => `${((performance.now() - startedAt) / 1000).toFixed(0)} s`
const said = (text: string) => console.log(`verify: ok  ${text} (${seconds()})`)
function need(holds: boolean, what: string): void {
  if (!holds) throw new Error(what)
}
const json = <T>(machine: Machine, ...command: string[]) =>
  JSON.parse(machine.run('village', ...command, '--json')) as T

function install(machine: Machine): void {
  need(
    !existsSync(path.join(machine.root, 'usr/bin/node')) &&
      !existsSync(path.join(machine.root, 'usr/local/bin/node')),
    'the root is not bare: it has Node',
  )
  machine.run('tar', '-xzf', 'bundle.tar.gz')
  const folder = machine.run('sh', '-c', 'ls -d aivillage-*').trim()
  machine.run(`./${folder}/install.sh`)
  machine.run(`./${folder}/install.sh`)
  machine.run('rm', '-rf', folder, 'bundle.tar.gz')
  const version = machine.run('village', '--version').trim()
  said(`${machine.name}: installed twice, without Node or a network; village ${version}`)
}

async function join(anna: Machine, ben: Machine): Promise<void> {
  anna.network('ip', 'addr', 'add', OLD_ADDRESS, 'dev', 'cable')
  await anna.start('village', 'start', '--json', '--node.name', 'anna')
  anna.run('village', 'create', 'Cable')
  const { invite } = json<{ invite: string }>(anna, 'invite')
  anna.network('ip', 'addr', 'del', OLD_ADDRESS, 'dev', 'cable')
  anna.network('ip', 'addr', 'add', ADDRESSES[0]!, 'dev', 'cable')
  ben.network('ip', 'addr', 'add', ADDRESSES[1]!, 'dev', 'cable')
  await ben.start('village', 'start', '--json', '--node.name', 'ben')
  said('both daemons run as an ordinary user')
  ben.run('village', 'join', invite)
  const members = json<readonly unknown[] | { members: readonly unknown[] }>(ben, 'members')
  need(('members' in members ? members.members : members).length === 2, 'the village has not two members')
  said('ben joined by multicast DNS: the address in the invite was gone')
}

function ask(ben: Machine): void {
  for (const [name, text] of Object.entries(NOTES)) ben.write(`notes/${name}`, text)
  ben.run('village', 'index', 'notes', '--collection', 'notes')
  const answer = json<object>(ben, 'ask', QUESTION, '--collection', 'notes')
  const text = JSON.stringify(answer)
  need(text.includes(ANSWER) && text.includes('well.md'), `the answer is not there, or not cited: ${text}`)
  said(`ben: indexed a folder; "${QUESTION}" answered with its source`)
}

interface Job {
  readonly kind: string
  readonly createdAtMs: number
  readonly state: string
  readonly shares: Readonly<Record<string, { readonly tasks: number }>>
}

function compress(anna: Machine): void {
  anna.run('village', 'model', 'add', '--embedded', 'encoder')
  for (let round = 1; round <= MAX_JOBS; round += 1) {
    anna.run('village', 'compress', 'encoder', '--codec', 'seedlm', '--keep', '0', '--wait')
    const { jobs } = json<{ jobs: readonly Job[] }>(anna, 'jobs')
    const ours = jobs.filter(({ kind }) => kind === 'compress')
    const [job] = ours.sort((one, other) => other.createdAtMs - one.createdAtMs)
    if (job?.state !== 'done') throw new Error(`the job ended as ${job?.state}`)
    const tasks = Object.values(job.shares).map((share) => share.tasks)
    if (tasks.filter((count) => count > 0).length < 2) continue
    said(`the encoder compressed over both machines (${tasks.join(' and ')} tasks)`)
    return
  }
  throw new Error(`one machine alone did each of ${MAX_JOBS} jobs`)
}

async function end(machine: Machine): Promise<void> {
  const code = await machine.stop()
  need(code === 0, `${machine.name}: the daemon ended with ${code}`)
  machine.run('sh', '-c', '.local/lib/aivillage/current/install.sh --uninstall')
  need(
    !existsSync(path.join(machine.root, 'home/villager/.local/lib/aivillage')),
    'the program is still there',
  )
  need(existsSync(path.join(machine.root, 'home/villager/.aivillage')), 'the data is gone')
  said(`${machine.name}: stopped in order, removed; the data is still there`)
}

function stray(machine: Machine): void {
  if (!machine.isTraced) {
    console.log('verify: skipped  what the daemons tried to reach: strace is missing')
    return
  }
  const contacts = contactsOf(readFileSync(machine.record, 'utf8'))
  need(
    contacts.some(({ address }) => address === '224.0.0.251'),
    `${machine.name}: the record shows no multicast DNS, so it shows nothing`,
  )
  const found = strayContacts(contacts, NETWORKS)
  need(found.length === 0, `${machine.name} tried to reach ${JSON.stringify(found)}`)
  said(`${machine.name}: no name was looked up, and nobody beyond the cable was tried`)
}

async function main(): Promise<void> {
  const holder = spawn('unshare', ['--net', 'sleep', 'infinity'], { stdio: 'ignore' })
  await once(holder, 'spawn')
  const anna = createMachine('anna', { base, work, bundle, holder: null })
  const ben = createMachine('ben', { base, work, bundle, holder: holder.pid! })
  anna.network('ip', 'link', 'set', 'lo', 'up')
  anna.network(
    'ip',
    'link',
    'add',
    'cable',
    'type',
    'veth',
    'peer',
    'name',
    'far',
    'netns',
    String(holder.pid),
  )
  anna.network('ip', 'link', 'set', 'cable', 'up')
  ben.network('ip', 'link', 'set', 'lo', 'up')
  ben.network('ip', 'link', 'set', 'far', 'name', 'cable')
  ben.network('ip', 'link', 'set', 'cable', 'up')
  for (const machine of [anna, ben]) install(machine)
  await join(anna, ben)
  ask(ben)
  compress(anna)
  for (const machine of [anna, ben]) await end(machine)
  for (const machine of [anna, ben]) stray(machine)
}

try {
  await main()
  console.log(`verify: the bundle holds (${seconds()})`)
  // The processes of this namespace end with this one.
  process.exit(0)
} catch (error) {
  console.error(`verify: FAILED  ${(error as Error).message}`)
  process.exit(1)
}
