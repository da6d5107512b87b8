/** Which of the tools that rules plan with leave something behind. */

const READ_ONLY =
  /^(?:knowledge_(?:search|ask|collections)|model_(?:list|inspect|compare|generate)|text_embed|job_(?:list|show|wait)|round_(?:list|show)|calculate|file_(?:list|read)|time_now|member_list|node_status|twin_recall)$/

/** Whether a tool that rules plan leaves something behind; the table of tools has the last word when it runs. */
export const isChange = (tool: string): boolean => !READ_ONLY.test(tool)
