// The events of an answer as they come.

import type { Kafka, Schemas } from "./index.js";

export type AnswerEvent = Schemas["AnswerEvent"];

/** An event and its number, from which a stream can be gone on with: `after` in the query. */
export type NumberedEvent = AnswerEvent & { id: number };

/** The events of an answer, past and to come, beginning behind `after`. Ends with the answer. */
export async function* eventsOf(kafka: Kafka, id: string, after = 0): AsyncGenerator<NumberedEvent> {
  const { data, error } = await kafka.GET("/api/v1/responses/{id}/events", {
    params: { path: { id }, query: { after } },
    parseAs: "stream",
  });
  if (error !== undefined) throw new Error(error.detail, { cause: error });
  if (data) yield* readEvents(data);
}

/** The events in a body, for example that of `POST …/responses` with `stream`. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<NumberedEvent> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += decoder.decode(value, { stream: true });
      const blocks = text.split("\n\n");
      text = blocks.pop() ?? "";
      for (const block of blocks) {
        const event = parsed(block);
        if (event) yield event;
      }
    }
  } finally {
    await reader.cancel();
  }
}

/** The event in a block of lines; none in a comment. */
function parsed(block: string): NumberedEvent | undefined {
  const fields = new Map(block.split("\n").map((line) => {
    const at = line.indexOf(": ");
    return [line.slice(0, at), line.slice(at + 2)];
  }));
  const [id, event, data] = [fields.get("id"), fields.get("event"), fields.get("data")];
  if (id === undefined || event === undefined || data === undefined) return undefined;
  // The server keeps its document; what it sends is not checked again.
  return { id: Number(id), event, data: JSON.parse(data) } as NumberedEvent;
}
