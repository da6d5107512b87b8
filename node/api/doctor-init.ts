/** What the doctor looks at when a daemon runs: also what only its services know. */
import { endpointChecks, mcpChecks } from '../agents/check-remotes.ts'
import { checkModels } from '../compute/models/check-models.ts'
import type { DoctorInit } from '../doctor.ts'
import { meshChecks } from '../mesh/check-mesh.ts'
import type { ApiContext } from './components.ts'

export function doctorInit(api: ApiContext): DoctorInit {
  const { config, kernels, sandbox, mesh, villages, models, artifacts, mcpTools, version } = api
  const members = () => (mesh.village() === null ? [] : villages.members())
  return {
    ...{ config, kernels, sandbox: sandbox.availability, daemonRunning: true },
    remotes: [
      { name: 'models', run: () => checkModels({ models, artifacts }) },
      ...meshChecks({ mesh, members }, { profile: config['mesh.profile'], version }),
      ...endpointChecks({ endpoints: config['agents.endpoints'], environment: process.env }),
      ...mcpChecks(mcpTools.servers()),
    ],
  }
}
