// The package `ollama`.
import { Ollama } from "ollama";
import { serve, sunny } from "./session.mjs";

function hear(part, heard) {
  heard.text += part.message.content;
  heard.thinking += part.message.thinking ?? "";
  heard.pieces += part.message.content ? 1 : 0;
  for (const { function: called } of part.message.tool_calls ?? []) {
    heard.calls.push([called.name, called.arguments]);
  }
  if (part.done) {
    heard.finish = part.done_reason;
    heard.usage = [part.prompt_eval_count, part.eval_count];
  }
}

async function ask(job, heard, messages) {
  const request = { model: job.model, messages, stream: job.stream };
  if (job.think) request.think = "high";
  if (job.format) request.format = job.format;
  if (job.tool) request.tools = [{ type: "function", function: job.tool }];
  const client = new Ollama({ host: job.url });
  if (!job.stream) {
    const answer = await client.chat(request);
    hear(answer, heard);
    return answer.message;
  }
  const message = { role: "assistant", content: "" };
  for await (const part of await client.chat(request)) {
    hear(part, heard);
    message.content += part.message.content;
    if (part.message.tool_calls) (message.tool_calls ??= []).push(...part.message.tool_calls);
  }
  return message;
}

const question = (job) => [
  { role: "user", content: job.prompt, ...(job.picture && { images: [Buffer.from(job.picture, "base64")] }) },
];

await serve({
  async list(job, heard) {
    heard.names = (await new Ollama({ host: job.url }).list()).models.map((model) => model.model);
  },
  async show(job, heard) {
    const card = await new Ollama({ host: job.url }).show({ model: job.model });
    heard.capabilities = card.capabilities;
    heard.context = card.model_info[`${card.model_info["general.architecture"]}.context_length`];
  },
  async chat(job, heard) {
    await ask(job, heard, question(job));
  },
  async tools(job, heard) {
    const message = await ask(job, heard, question(job));
    const results = message.tool_calls.map((call) => ({
      role: "tool",
      tool_name: call.function.name,
      content: sunny(call.function.arguments),
    }));
    await ask(job, heard, [...question(job), message, ...results]);
  },
  async generate(job, heard) {
    const { model, prompt } = job;
    for await (const part of await new Ollama({ host: job.url }).generate({ model, prompt, stream: true })) {
      heard.text += part.response;
      heard.pieces += part.response ? 1 : 0;
      if (part.done) heard.usage = [part.prompt_eval_count, part.eval_count];
    }
  },
  async embed(job, heard) {
    const answer = await new Ollama({ host: job.url }).embed({ model: job.model, input: job.texts });
    heard.vectors = answer.embeddings;
  },
  async load(job, heard) {
    heard.finish = (await new Ollama({ host: job.url }).generate({ model: job.model, prompt: "" })).done_reason;
  },
  async unload(job, heard) {
    const client = new Ollama({ host: job.url });
    heard.finish = (await client.generate({ model: job.model, prompt: "", keep_alive: 0 })).done_reason;
  },
  async leave(job, heard) {
    const messages = question(job);
    const stream = await new Ollama({ host: job.url }).chat({ model: job.model, messages, stream: true });
    for await (const part of stream) {
      hear(part, heard);
      if (heard.text) {
        stream.abort();
        return;
      }
    }
  },
});
