/** Tools over runs of evolution. */
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import { readEvolveConfig, withValueAt } from '../../evolve-config.ts'
import type { Rounds } from '../../federated/rounds/rounds.ts'
import type { RunView } from '../../federated/rounds/run-view.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import { readSmallText } from '../../small-text-file.ts'
import { AT_ONCE, counted, own, takes, tool, untrusted, words } from './define-tool.ts'
import { ownPath } from './own-path.ts'
import type { Tool } from './tool.ts'

export interface RoundToolComponents {
  readonly rounds: Pick<Rounds, 'announce' | 'list' | 'view'>
  readonly artifacts: Pick<Artifacts, 'addPath'>
}

const LISTED = 20
const MAX_CONFIG_BYTES = 64 * 1024

const runView = (run: RunView): JsonObject => {
  const { name, workload, strategy, phase, isPaused, generation, generations, takesPart, evaluations, best } =
    run
  return {
    ...{ run: run.run, name, workload, strategy, phase, isPaused, generation, generations },
    ...{ takesPart, evaluations, participants: run.participants.length },
    announcer: run.announcer,
    best: best === null ? null : { id: best.id, mean: best.mean, generation: best.generation },
  }
}

export function roundTools({ rounds, artifacts }: RoundToolComponents): Tool[] {
  return [
    tool<Record<string, never>>({
      name: 'round_list',
      description: 'Lists the runs of evolution that this node knows, newest first.',
      parameters: takes({}),
      effect: 'read',
      scope: 'read',
      cost: AT_ONCE,
      async run() {
        const all = rounds.list()
        return untrusted(counted(all.length, 'run'), {
          runs: all.slice(-LISTED).reverse().map(runView),
          total: all.length,
        })
      },
    }),
    tool<{ run: string }>({
      name: 'round_show',
      description: 'Shows one run of evolution: its phase, generation, participants and best candidate.',
      parameters: takes({ run: words('Id of a run.', 64) }, 'run'),
      effect: 'read',
      scope: 'read',
      cost: AT_ONCE,
      run: async ({ run }) => untrusted(`Run ${run}`, runView(rounds.view(run))),
    }),
    tool<{ config: string }>({
      name: 'evolve_start',
      description:
        'Announces a run of evolution from a configuration file of this machine. It goes on by itself: round_show tells how far it is.',
      parameters: takes(
        { config: words('Absolute path of the configuration (YAML or JSON), or ~/…', 4096) },
        'config',
      ),
      effect: 'change',
      scope: 'operate',
      cost: { latencyMs: 5_000, cpuSeconds: 3_600, leavesNode: true },
      async run({ config: given }, { signal }) {
        const file = ownPath(given, 'config')
        const config = readEvolveConfig(await readSmallText(file, MAX_CONFIG_BYTES), path.parse(file).name)
        const workload = config.spec.workload
        if (!isJsonObject(workload)) throw new VillageError('EVOLVE_CONFIG_INVALID', 'It names no workload')
        let options: JsonValue = workload.options ?? {}
        // As the command line does: what the configuration names goes along as an artifact, each file once.
        const cids = new Map<string, string>()
        for (const { at, path: named } of config.files) {
          const place = path.resolve(path.dirname(file), named)
          const cid = cids.get(place) ?? (await artifacts.addPath(place, { signal })).cid
          cids.set(place, cid)
          options = withValueAt(options, at, cid)
        }
        const view = await rounds.announce({ ...config.spec, workload: { ...workload, options } }, signal)
        return own(`Run ${view.run} is announced`, {
          run: view.run,
          phase: view.phase,
          workload: view.workload,
        })
      },
    }),
  ]
}
