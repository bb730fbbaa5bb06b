// llama.cpp, as the package node-llama-cpp ships it, answers prompts of token ids greedily, so many at once.
// Standard input: {"folder", "model", "rows", "room", "most", "stops", "threads", "prompts"}; standard output:
// {"said", "seconds", "computing"}, without loading. A sequence takes the next prompt when its answer ends.
import {readFileSync} from "node:fs";

const ask = JSON.parse(readFileSync(0, "utf8"));
const {getLlama} = await import(`file://${ask.folder}/node_modules/node-llama-cpp/dist/index.js`);
const llama = await getLlama({gpu: false, build: "never", maxThreads: ask.threads, logLevel: "error"});
const model = await llama.loadModel({modelPath: ask.model});
const context = await model.createContext({
    sequences: ask.rows, contextSize: ask.room, batchSize: 512, threads: ask.threads
});
const stops = new Set(ask.stops), said = ask.prompts.map(() => []);
let next = 0;

async function serve(sequence) {
    while (next < ask.prompts.length) {
        const mine = next++;
        await sequence.clearHistory();
        for await (const token of sequence.evaluate(ask.prompts[mine], {temperature: 0, yieldEogToken: true})) {
            said[mine].push(Number(token));
            if (stops.has(Number(token)) || said[mine].length === ask.most) break;
        }
    }
}

const sequences = Array.from({length: Math.min(ask.rows, ask.prompts.length)}, () => context.getSequence());
const began = performance.now(), spent = process.cpuUsage();
await Promise.all(sequences.map(serve));
const {user, system} = process.cpuUsage(spent);
console.log(JSON.stringify({said, seconds: (performance.now() - began) / 1e3, computing: (user + system) / 1e6}));
process.exit(0);
