// A typed client of the server. Paths, parameters and bodies are checked by the compiler against the server's own
// document, from which `schema.ts` is made.

import createClient, { type Client } from "openapi-fetch";

import type { components, paths } from "./schema.js";

export { type AnswerEvent, type NumberedEvent, eventsOf, readEvents } from "./events.js";
export type { components, operations, paths } from "./schema.js";

/** The types of the API by name, for example `Schemas["Chat"]`. */
export type Schemas = components["schemas"];

export interface Options {
  /** Where the server is, for example `http://127.0.0.1:8000`. On a page of the server itself `""`. */
  baseUrl: string;
  /** The token of a login, or an API key. Open mode needs none. */
  token?: string;
  /** What makes requests, in place of the platform's own `fetch`. */
  fetch?: (request: Request) => Promise<Response>;
}

export type Kafka = Client<paths>;

/** A client of the server; `kafka.GET("/api/v1/chats")` and the like give `{ data, error, response }`. */
export function connect({ baseUrl, token, fetch }: Options): Kafka {
  return createClient<paths>({
    baseUrl,
    ...(token === undefined ? {} : { headers: { Authorization: `Bearer ${token}` } }),
    ...(fetch === undefined ? {} : { fetch }),
  });
}
