/** What of the SDK speaks to servers, loaded when the first one is spoken to: it takes 30 MB of memory, and most nodes name no server. */
export async function loadClientSdk() {
  const [{ Client }, types, { StreamableHTTPClientTransport }, stdio] = await Promise.all([
    import('@modelcontextprotocol/sdk/client/index.js'),
    import('@modelcontextprotocol/sdk/types.js'),
    import('@modelcontextprotocol/sdk/client/streamableHttp.js'),
    import('@modelcontextprotocol/sdk/shared/stdio.js'),
  ])
  const { CallToolResultSchema, ErrorCode, McpError, ResultSchema, ToolListChangedNotificationSchema } = types
  const { ReadBuffer, serializeMessage } = stdio
  return {
    ...{ CallToolResultSchema, ErrorCode, McpError, ResultSchema, ToolListChangedNotificationSchema },
    ...{ Client, StreamableHTTPClientTransport, ReadBuffer, serializeMessage },
  }
}

export type ClientSdk = Awaited<ReturnType<typeof loadClientSdk>>
