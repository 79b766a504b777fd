// Jobs come as lines of JSON on the standard input; what was heard goes out as a line for each.
import { createInterface } from "node:readline";

export async function serve(verbs) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { verb, ...job } = JSON.parse(line);
    const heard = { text: "", thinking: "", pieces: 0, calls: [] };
    try {
      await verbs[verb](job, heard);
    } catch (error) {
      heard.error = String(error?.message ?? error);
      heard.status = error?.status_code ?? error?.statusCode ?? null;
    }
    process.stdout.write(JSON.stringify(heard) + "\n");
  }
}

export const sunny = ({ city }) => `sunny in ${city}`;
