/**
 * The types of `kastor/testing`: one declaration beside each compiled file of `src/testing`. They are made file by file, so what
 * is exported there says its type itself, and nobody who imports it needs the types of kas and agentk.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

const root = new URL('../', import.meta.url).pathname;
const folder = 'src/testing';

/** Writes them below the folder of a build; throws where a type is not said, or comes from elsewhere in the repository. */
export function declareTesting(dist: string): void {
  mkdirSync(join(dist, folder), { recursive: true });
  for (const name of readdirSync(join(root, folder)).filter((file) => file.endsWith('.ts'))) {
    const { outputText, diagnostics = [] } = ts.transpileDeclaration(
      readFileSync(join(root, folder, name), 'utf8'),
      {
        fileName: name,
        reportDiagnostics: true,
        compilerOptions: {
          target: ts.ScriptTarget.ES2024,
          module: ts.ModuleKind.NodeNext,
          declaration: true,
          isolatedDeclarations: true,
          verbatimModuleSyntax: true,
        },
      },
    );
    const wrong = diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '));
    if (/from '\.\.\//.test(outputText)) wrong.push('a type comes from outside the folder');
    if (wrong.length > 0) throw new Error(`${folder}/${name}: ${wrong.join('; ')}`);
    // Compilers that do not know our sources look for what is beside them.
    const text = outputText.replaceAll(/(from '\.\/[^']*)\.ts'/g, "$1.js'");
    writeFileSync(join(dist, folder, name.replace(/\.ts$/, '.d.ts')), text);
  }
}
