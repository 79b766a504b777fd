// The packages `ollama-ai-provider-v2` and `ai`.
import { embedMany, generateText, jsonSchema, Output, stepCountIs, streamText, tool } from "ai";
import { createOllama } from "ollama-ai-provider-v2";
import { serve, sunny } from "./session.mjs";

function request(job) {
  const ollama = createOllama({ baseURL: `${job.url}/api` });
  const content = [{ type: "text", text: job.prompt }];
  if (job.picture) content.push({ type: "image", image: job.picture, mediaType: "image/png" }); // it cannot write bytes
  const made = { model: ollama(job.model), messages: [{ role: "user", content }], maxRetries: 0 };
  if (job.think) made.providerOptions = { ollama: { think: true } };
  if (job.format === "json") made.output = Output.json();
  else if (job.format) made.output = Output.object({ schema: jsonSchema(job.format) });
  if (job.tool) {
    const { name, description, parameters } = job.tool;
    made.tools = { [name]: tool({ description, inputSchema: jsonSchema(parameters), execute: sunny }) };
    made.stopWhen = stepCountIs(3);
  }
  return made;
}

async function ask(job, heard) {
  if (!job.stream) {
    const answer = await generateText(request(job));
    heard.text = answer.text;
    heard.pieces = 1;
    heard.thinking = answer.reasoningText ?? "";
    heard.calls = answer.steps.flatMap((step) => step.toolCalls).map((call) => [call.toolName, call.input]);
    heard.finish = answer.finishReason;
    heard.usage = [answer.usage.inputTokens, answer.usage.outputTokens];
    return;
  }
  let failed;
  const answer = streamText({ ...request(job), onError: () => {} });
  for await (const part of answer.fullStream) {
    if (part.type === "text-delta") {
      heard.text += part.text;
      heard.pieces += 1;
    } else if (part.type === "reasoning-delta") heard.thinking += part.text;
    else if (part.type === "tool-call") heard.calls.push([part.toolName, part.input]);
    else if (part.type === "finish") {
      heard.finish = part.finishReason;
      heard.usage = [part.totalUsage.inputTokens ?? null, part.totalUsage.outputTokens ?? null];
    } else if (part.type === "error") failed = part.error;
  }
  if (failed) throw failed;
}

await serve({
  chat: ask,
  tools: ask,
  async generate(job, heard) {
    const model = createOllama({ baseURL: `${job.url}/api` }).completion(job.model);
    for await (const text of streamText({ model, prompt: job.prompt, maxRetries: 0 }).textStream) {
      heard.text += text;
      heard.pieces += 1;
    }
  },
  async embed(job, heard) {
    const model = createOllama({ baseURL: `${job.url}/api` }).embedding(job.model);
    heard.vectors = (await embedMany({ model, values: job.texts, maxRetries: 0 })).embeddings;
  },
  async leave(job, heard) {
    const leaving = new AbortController();
    const answer = streamText({ ...request(job), abortSignal: leaving.signal });
    for await (const text of answer.textStream) {
      heard.text += text;
      if (heard.text) {
        leaving.abort();
        return;
      }
    }
  },
});
