/**
 * The card that says what this node's agents do and how to reach them (A2A 1.0, section 4.4.1; 0.3, section 5.5). It is public: nothing in
 * it tells of the village, its members or its documents.
 */
import { AgentCard } from '@a2a-js/sdk'
import type { AgentName } from '../../agents/agent.ts'
import { A2A_AGENTS, A2A_SKILLS } from './skills.ts'

export interface CardInit {
  /** The agent whose path it is; null: the node, where King answers and the message may name a skill. */
  readonly agent: AgentName | null
  /** `http://127.0.0.1:7480`, as whoever asks reaches it. */
  readonly url: string
  readonly version: string
}

const NODE_DESCRIPTION =
  'Agents of a node of AIVillage: the machines of a community that share compute, models and documents.'
const MODES = ['text/plain']

const pathOf = (agent: AgentName | null) => (agent === null ? '/a2a' : `/a2a/${agent}`)

export function agentCard({ agent, url, version }: CardInit): AgentCard {
  const endpoint = `${url}${pathOf(agent)}`
  const given = agent === null ? null : A2A_SKILLS[agent]
  return {
    name: given === null ? 'AIVillage' : `AIVillage ${given.name}`,
    description: given?.description ?? NODE_DESCRIPTION,
    supportedInterfaces: ['1.0', '0.3'].map((protocolVersion) => ({
      url: endpoint,
      protocolBinding: 'JSONRPC',
      tenant: '',
      protocolVersion,
    })),
    provider: undefined,
    version,
    capabilities: { streaming: true, pushNotifications: false, extensions: [], extendedAgentCard: false },
    securitySchemes: {
      bearer: {
        scheme: {
          $case: 'httpAuthSecurityScheme',
          value: {
            scheme: 'Bearer',
            bearerFormat: '',
            description: 'A key of the node (`village key create`) of scope ask or more.',
          },
        },
      },
    },
    securityRequirements: [{ schemes: { bearer: { list: [] } } }],
    defaultInputModes: MODES,
    defaultOutputModes: MODES,
    skills: (agent === null ? A2A_AGENTS : [agent]).map((id) => ({
      ...A2A_SKILLS[id],
      id,
      inputModes: MODES,
      outputModes: MODES,
      securityRequirements: [],
    })),
    signatures: [],
  }
}

/** As JSON for clients of 1.0, which say so by the A2A-Version header. */
export const cardDocument = (init: CardInit): object => AgentCard.toJSON(agentCard(init)) as object

/** As JSON for clients of 0.3, which send no such header; those of 1.0 that send none either find their interfaces in it too. */
export function cardDocumentV03(init: CardInit): object {
  const card = agentCard(init)
  const { name, description, version, skills } = card
  return {
    ...{ name, description, version, defaultInputModes: MODES, defaultOutputModes: MODES },
    protocolVersion: '0.3.0',
    url: card.supportedInterfaces[0]!.url,
    preferredTransport: 'JSONRPC',
    capabilities: { streaming: true, pushNotifications: false, stateTransitionHistory: false },
    securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
    security: [{ bearer: [] }],
    supportsAuthenticatedExtendedCard: false,
    skills: skills.map(({ id, name: title, description: about, tags, examples }) => ({
      ...{ id, name: title, description: about, tags, examples, inputModes: MODES, outputModes: MODES },
    })),
    supportedInterfaces: card.supportedInterfaces.map(({ url, protocolBinding, protocolVersion }) => ({
      ...{ url, protocolBinding, protocolVersion },
    })),
  }
}
