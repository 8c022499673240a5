// The main flows of a session as a TypeScript program lives them. Arguments come from the environment:
// REVERIE_URL and REVERIE_KEY. Any broken claim ends it with an error.
import assert from "node:assert/strict";
import Anthropic, { BadRequestError, ConflictError, NotFoundError } from "@anthropic-ai/sdk";
import { betaTool } from "@anthropic-ai/sdk/helpers/beta/json-schema";
import { accumulateManagedAgentsEvent } from "@anthropic-ai/sdk/lib/sessions/accumulate";

const client = new Anthropic({ apiKey: process.env.REVERIE_KEY, baseURL: process.env.REVERIE_URL });
const { agents, environments, memoryStores, sessions } = client.beta;
const message = (text) => ({ type: "user.message", content: [{ type: "text", text }] });
const textOf = (event) => event.content.map((block) => block.text).join("");

async function untilIdle(stream, onEvent = () => {}) {
  const seen = [];
  for await (const event of stream) {
    onEvent(event);
    seen.push(event);
    if (event.type === "session.status_idle") return seen;
  }
  throw new Error("the stream ended before the session was idle");
}

// -- Store, agent, environment, session ----------------------------------------------------------
const inputSchema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const store = await memoryStores.create({ name: "ts-notes" });
const environment = await environments.create({ name: "From TypeScript" });
assert.equal(environment.config.type, "cloud");
const agent = await agents.create({
  name: "Typed",
  model: "builtin",
  tools: [
    { type: "agent_toolset_20260401", configs: [{ name: "write", permission_policy: { type: "always_ask" } }] },
    { type: "custom", name: "get_weather", description: "The weather of a city.", input_schema: inputSchema },
  ],
});
assert.equal(agent.version, 1);
const session = await sessions.create({
  agent: agent.id,
  environment_id: environment.id,
  resources: [{ type: "memory_store", memory_store_id: store.id }],
});
assert.equal(session.status, "idle");
assert.equal(session.resources[0].mount_path, "/mnt/memory/ts-notes");

// -- Stream and send, with previews ------------------------------------------------------------------
const stream = await sessions.events.stream(session.id, { event_deltas: ["agent.message"] });
await sessions.events.send(session.id, { events: [message("What can you do?")] });
let preview = null;
let shown = "";
const turn = await untilIdle(stream, (event) => {
  if (event.type === "agent.message" && preview) assert.ok(textOf(event).startsWith(shown));
  preview = accumulateManagedAgentsEvent(preview, event);
  if (event.type === "event_delta") shown = textOf(preview);
});
assert.ok(shown.length > 0, "no preview came");
assert.equal(turn.at(-1).stop_reason.type, "end_turn");
assert.equal(turn.at(-2).type, "session.usage");

// -- A call that asks --------------------------------------------------------------------------------
const asking = await sessions.events.stream(session.id);
await sessions.events.send(session.id, { events: [message("The harbour cafe opens at 7:15.")] });
const paused = (await untilIdle(asking)).at(-1).stop_reason;
assert.equal(paused.type, "requires_action");
const going = await sessions.events.stream(session.id);
await sessions.events.send(session.id, {
  events: paused.event_ids.map((id) => ({ type: "user.tool_confirmation", tool_use_id: id, result: "allow" })),
});
assert.equal((await untilIdle(going)).at(-1).stop_reason.type, "end_turn");
const memories = [];
for await (const memory of memoryStores.memories.list(store.id, { view: "full" })) memories.push(memory);
assert.ok(memories.some((memory) => memory.content?.includes("7:15")));

// -- The tool runner answers a custom tool ---------------------------------------------------------------
const getWeather = betaTool({
  name: "get_weather",
  description: "The weather of a city.",
  inputSchema,
  run: ({ city }) => `${city}: rain, 12 degrees`,
});
await sessions.events.send(session.id, { events: [message("Use get_weather for Paris.")] });
const calls = [];
for await (const call of sessions.events.toolRunner(session.id, { tools: [getWeather], maxIdleMs: 300 })) {
  if (call.name === "get_weather") calls.push(call);
}
assert.deepEqual(calls.map((call) => [call.event.input, call.posted]), [[{ city: "Paris" }, true]]);

// -- Paging and errors ---------------------------------------------------------------------------------------
const listed = [];
for await (const event of sessions.events.list(session.id, { limit: 3 })) listed.push(event);
assert.ok(listed.length > 20);
assert.equal(new Set(listed.map((event) => event.id)).size, listed.length);
assert.ok(listed.some((event) => event.type === "agent.message" && textOf(event).includes("Paris: rain, 12 degrees")));
const named = { "user.message": 3, "user.tool_confirmation": 1, "user.custom_tool_result": 1 };
for (const [type, count] of Object.entries(named)) {
  const found = await sessions.events.list(session.id, { types: [type] });
  assert.equal(found.data.length, count, type);
}
await assert.rejects(sessions.retrieve("sesn_01nothing"), NotFoundError);
await assert.rejects(sessions.events.send(session.id, { events: [{ type: "user.nonsense" }] }), BadRequestError);
await agents.update(agent.id, { version: 1, name: "Typed twice" });
await assert.rejects(agents.update(agent.id, { version: 1, name: "Typed thrice" }), ConflictError);
const archived = await sessions.archive(session.id);
assert.equal(archived.status, "terminated");
assert.equal((await sessions.delete(session.id)).type, "session_deleted");
console.log("every claim holds");
