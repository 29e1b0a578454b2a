// Reads an AsyncAPI document from standard input with the official parser; prints what it has to say as JSON.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(process.argv[2] + '/');
const { Parser } = require('@asyncapi/parser');

const { document, diagnostics } = await new Parser().parse(readFileSync(0, 'utf8'));
const operations = document ? document.operations().all().map((operation) => operation.id()) : [];
const said = diagnostics.map(({ code, severity, message, path }) => ({ code, severity, message, path: path.join('/') }));
process.stdout.write(JSON.stringify({ valid: document !== undefined, operations, diagnostics: said }));
