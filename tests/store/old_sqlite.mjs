// SQLite 3.31.1 (sql.js 1.2.2) as a CRM would have it: makes the schema, runs SQL, prints the rows as JSON.
// Input on stdin: {"schema": [...], "steps": [...]}. Run in the folder in which sql.js is installed.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
const initSqlJs = createRequire(process.cwd() + '/')('sql.js');
const wasmBinary = readFileSync('node_modules/sql.js/dist/sql-wasm.wasm');
const { schema, steps } = JSON.parse(readFileSync(0, 'utf8'));
const db = new (await initSqlJs({ wasmBinary })).Database();
for (const statement of schema) db.exec(statement);
const answers = steps.map((sql) => { const found = db.exec(sql); return found.length ? found[found.length - 1].values : []; });
process.stdout.write(JSON.stringify(answers));
