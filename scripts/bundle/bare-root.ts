/** A bare Debian root under its own layer of writes and in a network of its own, with the bundle in its user's home. */
import { execFileSync, spawnSync } from 'node:child_process'
import { appendFileSync, chownSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createMachine, type Machine } from './verify-machine.ts'

const USER = { id: 1000, name: 'villager', home: '/home/villager' }

export interface BareRoot {
  readonly machine: Machine
  /** Absolute, outside. */
  readonly root: string
  /** As root of the machine's network, outside its file system: `ip`. */
  network(...command: string[]): void
}

const sh = (command: string, ...args: string[]) => void execFileSync(command, args, { stdio: 'pipe' })

function layOut(name: string, init: { base: string; work: string; bundle: string }): string {
  const folder = path.join(init.work, name)
  const [upper = '', scratch = '', root = ''] = ['upper', 'scratch', 'root'].map((part) =>
    path.join(folder, part),
  )
  for (const made of [upper, scratch, root]) mkdirSync(made, { recursive: true })
  const options = `lowerdir=${init.base},upperdir=${upper},workdir=${scratch}`
  sh('mount', '-t', 'overlay', 'overlay', '-o', options, root)
  sh('mount', '-t', 'proc', 'proc', path.join(root, 'proc'))
  sh('mount', '--bind', '/dev', path.join(root, 'dev'))
  appendFileSync(
    path.join(root, 'etc/passwd'),
    `${USER.name}:x:${USER.id}:${USER.id}::${USER.home}:/bin/sh\n`,
  )
  writeFileSync(path.join(root, 'etc/resolv.conf'), '')
  const home = path.join(root, USER.home)
  mkdirSync(home, { recursive: true })
  copyFileSync(init.bundle, path.join(home, 'bundle.tar.gz'))
  chownSync(home, USER.id, USER.id)
  return root
}

/** `holder`: a process in the machine's network; null: this process is. */
export function createBareRoot(
  name: string,
  init: { base: string; work: string; bundle: string; holder: number | null; patience: number },
): BareRoot {
  const root = layOut(name, init)
  const isTraced = spawnSync('strace', ['--version'], { stdio: 'ignore' }).status === 0
  const enter = init.holder === null ? [] : ['nsenter', `--net=/proc/${init.holder}/ns/net`]
  const inside = [
    ...enter,
    ...['chroot', `--userspec=${USER.id}:${USER.id}`, root, '/usr/bin/env', '-i', `HOME=${USER.home}`],
    ...['LANG=C.UTF-8', `PATH=${USER.home}/.local/bin:/usr/bin:/bin`, 'sh', '-c', `cd && exec "$@"`, 'sh'],
  ]
  const machine = createMachine({
    name,
    inside,
    home: path.join(root, USER.home),
    record: isTraced ? path.join(init.work, `${name}.trace`) : null,
    patience: init.patience,
  })
  return {
    machine,
    root,
    network: (...command) => {
      const [program = '', ...args] = [...enter, ...command]
      sh(program, ...args)
    },
  }
}
