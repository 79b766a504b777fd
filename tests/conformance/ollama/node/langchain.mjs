// The package `@langchain/ollama`.
import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOllama, Ollama, OllamaEmbeddings } from "@langchain/ollama";
import { serve, sunny } from "./session.mjs";

const model = (job, more = {}) =>
  new ChatOllama({ baseUrl: job.url, model: job.model, maxRetries: 0, ...(job.think && { think: true }), ...more });

function note(message, heard) {
  heard.text += message.text;
  heard.thinking += message.additional_kwargs.reasoning_content ?? "";
  heard.pieces += message.text ? 1 : 0;
}

function end(message, heard) {
  for (const call of message.tool_calls ?? []) heard.calls.push([call.name, call.args]);
  heard.finish = message.response_metadata.done_reason ?? null;
  const usage = message.usage_metadata;
  if (usage) heard.usage = [usage.input_tokens, usage.output_tokens];
}

async function ask(job, heard, messages) {
  let asked = model(job, job.format === "json" ? { format: "json" } : {});
  if (job.tool) {
    const { name, description, parameters } = job.tool;
    asked = asked.bindTools([tool(sunny, { name, description, schema: parameters })]);
  }
  let message;
  if (job.stream) {
    for await (const part of await asked.stream(messages)) {
      note(part, heard);
      message = message ? message.concat(part) : part;
    }
  } else {
    message = await asked.invoke(messages);
    note(message, heard);
  }
  end(message, heard);
  return message;
}

const question = (job) => [
  new HumanMessage(
    job.picture
      ? {
          content: [
            { type: "text", text: job.prompt },
            { type: "image_url", image_url: `data:image/png;base64,${job.picture}` },
          ],
        }
      : job.prompt,
  ),
];

await serve({
  async chat(job, heard) {
    if (typeof job.format === "object" && job.format) {
      const asked = model(job).withStructuredOutput(job.format, { method: "jsonSchema", includeRaw: true });
      heard.text = JSON.stringify((await asked.invoke(question(job))).parsed);
      return;
    }
    await ask(job, heard, question(job));
  },
  async tools(job, heard) {
    const message = await ask(job, heard, question(job));
    const results = message.tool_calls.map(
      (call) => new ToolMessage({ content: sunny(call.args), tool_call_id: call.id, name: call.name }),
    );
    await ask(job, heard, [...question(job), message, ...results]);
  },
  async generate(job, heard) {
    const { url: baseUrl, model, prompt } = job;
    for await (const part of await new Ollama({ baseUrl, model, maxRetries: 0 }).stream(prompt)) {
      heard.text += part;
      heard.pieces += part ? 1 : 0;
    }
  },
  async embed(job, heard) {
    const embeddings = new OllamaEmbeddings({ baseUrl: job.url, model: job.model, maxRetries: 0 });
    heard.vectors = await embeddings.embedDocuments(job.texts);
  },
  async load(job, heard) {
    heard.finish = (await model(job).invoke([])).response_metadata.done_reason;
  },
  async unload(job, heard) {
    heard.finish = (await model(job, { keepAlive: 0 }).invoke([])).response_metadata.done_reason;
  },
  async leave(job, heard) {
    const asked = model(job);
    for await (const part of await asked.stream(question(job))) {
      note(part, heard);
      if (heard.text) break;
    }
    asked.client.abort(); // neither the end of a loop nor a signal closes the connection
  },
});
