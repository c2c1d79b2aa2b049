// Where the editor finds its workers: files beside the page, and nothing of another origin.
const FILES = { json: "json.worker.js", graphql: "graphql.worker.js" };

globalThis.MonacoEnvironment = {
  getWorker: (_id, label) => new Worker(`/explorer/page/${FILES[label] ?? "editor.worker.js"}`),
};
