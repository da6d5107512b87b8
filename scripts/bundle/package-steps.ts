/** The steps of a package's verification, in the network without a route that verify-package.ts made. */
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { createMachine } from './verify-machine.ts'
import { compress, indexAndAsk, need, said, verification } from './village-work.ts'

const [file = '', work = '', machinePath = ''] = process.argv.slice(2)

await verification('the package', async () => {
  execFileSync('ip', ['link', 'set', 'lo', 'up'])
  const home = path.join(work, 'home')
  const prefix = path.join(work, 'prefix')
  const variables = [`HOME=${home}`, 'LANG=C.UTF-8', `PATH=${prefix}/bin:${machinePath}`]
  const machine = createMachine({
    name: 'node',
    inside: ['/usr/bin/env', '-i', '-C', home, ...variables, `npm_config_cache=${work}/cache`],
    home,
    record: null,
    patience: 1,
  })
  machine.run('npm', 'install', '--global', '--offline', '--prefix', prefix, file)
  said(`installed again from npm's cache alone; village ${machine.run('village', '--version').trim()}`)
  await machine.start('village', 'start', '--json', '--node.name', 'node')
  machine.run('village', 'create', 'Alone')
  said('the daemon runs, and has a village')
  indexAndAsk(machine)
  compress(machine, { how: '--codec int4', peers: 1 })
  const code = await machine.stop()
  need(code === 0, `the daemon ended with ${code}`)
  said('stopped in order')
})
