// Reads a list of simulations from stdin and writes what becomes of each: the decision, and the context keys that the
// simulator does not take for this action. A simulation it cannot run is an error, with its reason.
const { runSimulation } = require("@cloud-copilot/iam-simulate");

async function main() {
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const answers = [];
  for (const simulation of JSON.parse(Buffer.concat(chunks).toString())) {
    const answer = await runSimulation(simulation, { simulationMode: "Strict" });
    const results = answer.resultType === "wildcard" ? answer.results : [answer.result];
    answers.push(
      answer.resultType === "error"
        ? { decision: "error", error: answer.errors, ignored: [] }
        : { decision: answer.overallResult, ignored: results.flatMap((result) => result.ignoredContextKeys ?? []) },
    );
  }
  process.stdout.write(JSON.stringify(answers));
}

main();
