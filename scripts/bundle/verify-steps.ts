/** The steps of a bundle's verification, inside the namespaces that verify.ts made. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { type BareRoot, createBareRoot } from './bare-root.ts'
import { contactsOf, strayContacts } from './traced-addresses.ts'
import type { Machine } from './verify-machine.ts'
import { compress, indexAndAsk, json, need, said, verification } from './village-work.ts'

const [bundle = '', base = '', work = '', how = '', patienceText = ''] = process.argv.slice(2)
const patience = Number(patienceText)

/** The address that the invite names is gone when the other machine reads it: only multicast DNS is left. */
const OLD_ADDRESS = '10.88.0.1/24'
const ADDRESSES = ['10.77.0.1/24', '10.77.0.2/24']
const NETWORKS = ['10.88.0.', '10.77.0.']
/** Where multicast DNS cannot be: both stay in the network of the invite. */
const SECOND_OLD_ADDRESS = '10.88.0.2/24'
/** QEMU's user emulation 7.2 does not know IP_MULTICAST_IF; any kernel does. */
const NO_MULTICAST = 'ENOPROTOOPT'
const PROBE = `const socket = require('node:dgram').createSocket('udp4')
socket.bind(0, () => {
  try { socket.setMulticastInterface('127.0.0.1') } catch (error) { console.log(error.code) }
  socket.close()
})`

/** Returns whether the machine can say out of which interface a multicast goes. */
function install({ machine, root }: BareRoot): boolean {
  need(
    !existsSync(path.join(root, 'usr/bin/node')) && !existsSync(path.join(root, 'usr/local/bin/node')),
    'the root is not bare: it has Node',
  )
  machine.run('tar', '-xzf', 'bundle.tar.gz')
  const folder = machine.run('sh', '-c', 'ls -d aivillage-*').trim()
  machine.run(`./${folder}/install.sh`)
  machine.run(`./${folder}/install.sh`)
  const problem = machine.run(`./${folder}/runtime/bin/node`, '-e', PROBE).trim()
  need(problem === '' || problem === NO_MULTICAST, `${machine.name} has no multicast: ${problem}`)
  machine.run('rm', '-rf', folder, 'bundle.tar.gz')
  const version = machine.run('village', '--version').trim()
  said(`${machine.name}: installed twice, without Node or a network; village ${version}`)
  return problem === ''
}

async function join(
  anna: BareRoot,
  ben: BareRoot,
  { hasMulticast }: { hasMulticast: boolean },
): Promise<void> {
  anna.network('ip', 'addr', 'add', OLD_ADDRESS, 'dev', 'cable')
  await anna.machine.start('village', 'start', '--json', '--node.name', 'anna')
  anna.machine.run('village', 'create', 'Cable')
  const { invite } = json<{ invite: string }>(anna.machine, 'invite')
  if (hasMulticast) {
    anna.network('ip', 'addr', 'del', OLD_ADDRESS, 'dev', 'cable')
    anna.network('ip', 'addr', 'add', ADDRESSES[0]!, 'dev', 'cable')
    ben.network('ip', 'addr', 'add', ADDRESSES[1]!, 'dev', 'cable')
  } else ben.network('ip', 'addr', 'add', SECOND_OLD_ADDRESS, 'dev', 'cable')
  await ben.machine.start('village', 'start', '--json', '--node.name', 'ben')
  said('both daemons run as an ordinary user')
  ben.machine.run('village', 'join', invite)
  const members = json<readonly unknown[] | { members: readonly unknown[] }>(ben.machine, 'members')
  need(('members' in members ? members.members : members).length === 2, 'the village has not two members')
  if (hasMulticast) said('ben joined by multicast DNS: the address in the invite was gone')
  else {
    said('ben joined by the address in the invite')
    console.log('verify: skipped  multicast DNS: this emulator does not know IP_MULTICAST_IF')
  }
}

async function end({ machine, root }: BareRoot): Promise<void> {
  const code = await machine.stop()
  need(code === 0, `${machine.name}: the daemon ended with ${code}`)
  machine.run('sh', '-c', '.local/lib/aivillage/current/install.sh --uninstall')
  need(!existsSync(path.join(root, 'home/villager/.local/lib/aivillage')), 'the program is still there')
  need(existsSync(path.join(root, 'home/villager/.aivillage')), 'the data is gone')
  said(`${machine.name}: stopped in order, removed; the data is still there`)
}

function stray({ name, record }: Machine, { hasMulticast }: { hasMulticast: boolean }): void {
  if (record === null) {
    console.log('verify: skipped  what the daemons tried to reach: strace is missing')
    return
  }
  const text = readFileSync(record, 'utf8')
  const contacts = contactsOf(text)
  // What the daemon sends each ten seconds: its question to the network, or at least that to the kernel about interfaces.
  const isWatched = hasMulticast
    ? contacts.some(({ address }) => address === '224.0.0.251')
    : text.includes('AF_NETLINK')
  need(isWatched, `${name}: the record shows nothing of what is always sent, so it shows nothing`)
  const found = strayContacts(contacts, NETWORKS)
  need(found.length === 0, `${name} tried to reach ${JSON.stringify(found)}`)
  said(`${name}: no name was looked up, and nobody beyond the cable was tried`)
}

/** `holder`: a process in the network at the other end. */
function layCable(anna: BareRoot, ben: BareRoot, holder: number): void {
  const cable = ['cable', 'type', 'veth', 'peer', 'name', 'far', 'netns', String(holder)]
  anna.network('ip', 'link', 'set', 'lo', 'up')
  anna.network('ip', 'link', 'add', ...cable)
  anna.network('ip', 'link', 'set', 'cable', 'up')
  ben.network('ip', 'link', 'set', 'lo', 'up')
  ben.network('ip', 'link', 'set', 'far', 'name', 'cable')
  ben.network('ip', 'link', 'set', 'cable', 'up')
}

await verification('the bundle', async () => {
  const holder = spawn('unshare', ['--net', 'sleep', 'infinity'], { stdio: 'ignore' })
  await once(holder, 'spawn')
  const anna = createBareRoot('anna', { base, work, bundle, patience, holder: null })
  const ben = createBareRoot('ben', { base, work, bundle, patience, holder: holder.pid! })
  layCable(anna, ben, holder.pid!)
  const hasMulticast = [install(anna), install(ben)].every((has) => has)
  await join(anna, ben, { hasMulticast })
  indexAndAsk(ben.machine)
  compress(anna.machine, { how, peers: 2 })
  for (const root of [anna, ben]) await end(root)
  for (const { machine } of [anna, ben]) stray(machine, { hasMulticast })
})
