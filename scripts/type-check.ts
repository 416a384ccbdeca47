import { globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import type { Snippet } from './snippets.ts';

/**
 * Type-checks snippets as modules beside their documents, without writing a file. A package is found where the document's own
 * folder finds it, else where any workspace package does: what a page imports, its reader installs.
 * @returns one sentence for each problem, with the document's file and line.
 */
export function typeCheck(root: string, snippets: readonly Snippet[]): string[] {
  const files = new Map<string, { text: string; document: string; line: number }>();
  for (const snippet of snippets) {
    const place = join(root, dirname(snippet.document), `snippet-${snippet.document.replaceAll(/\W/g, '-')}-`);
    const { prelude } = snippet;
    let imports = '';
    if (prelude) {
      const name = `${place}${prelude.line}`;
      const declared = declaredNames(prelude.code);
      files.set(`${name}.tsx`, {
        text: `${prelude.code}\nexport { ${declared.join(', ')} };`,
        document: prelude.document,
        line: prelude.line,
      });
      const shown = new Set(declaredNames(snippet.code, true));
      imports = `import { ${declared.filter((each) => !shown.has(each)).join(', ')} } from '${name}';`;
    }
    const text = `${imports}\n${snippet.code}`;
    files.set(`${place}${snippet.line}.${snippet.language}`, {
      text,
      document: snippet.document,
      line: snippet.line - 1,
    });
  }

  const options = readOptions(root);
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (name) => files.has(name) || fileExists(name);
  host.readFile = (name) => files.get(name)?.text ?? readFile(name);
  host.getSourceFile = (name, languageVersion, ...rest) => {
    const text = files.get(name)?.text;
    return text === undefined
      ? getSourceFile(name, languageVersion, ...rest)
      : ts.createSourceFile(name, text, languageVersion, true);
  };
  const elsewhere = globSync(['packages/*/package.json', 'examples/*/package.json'], { cwd: root })
    .sort()
    .map((name) => join(root, name));
  host.resolveModuleNameLiterals = (literals, containingFile) =>
    literals.map(({ text }) => {
      const from = files.has(containingFile) ? [containingFile, ...elsewhere] : [containingFile];
      const results = from.map((each) => ts.resolveModuleName(text, each, options, host));
      return results.find((each) => each.resolvedModule) ?? { resolvedModule: undefined };
    });

  const program = ts.createProgram([...files.keys()], options, host);
  const diagnostics = [...program.getOptionsDiagnostics(), ...program.getGlobalDiagnostics()];
  for (const name of files.keys()) {
    const source = program.getSourceFile(name);
    diagnostics.push(...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source));
  }
  return diagnostics.map((diagnostic) => {
    const message = ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n  ');
    const file = diagnostic.file && files.get(diagnostic.file.fileName);
    if (!file || diagnostic.file === undefined) return `${diagnostic.file?.fileName ?? 'options'}: ${message}`;
    const { line, character } = diagnostic.file.getLineAndCharacterOfPosition(diagnostic.start ?? 0);
    return `${file.document}:${file.line + line}:${character + 1}: ${message}`;
  });
}

function readOptions(root: string): ts.CompilerOptions {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.base.json'), ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  // A reader's project has its own rules about what a module must spell out; what is checked here is that the code is right.
  const ours = { isolatedDeclarations: false, declaration: false, verbatimModuleSyntax: false, noEmit: true };
  return { ...options, ...ours, moduleDetection: ts.ModuleDetectionKind.Force };
}

function declaredNames(code: string, withImports = false): string[] {
  const names = new Set<string>();
  const add = (name: ts.BindingName): void => {
    if (ts.isIdentifier(name)) names.add(name.text);
    else for (const element of name.elements) if (ts.isBindingElement(element)) add(element.name);
  };
  for (const statement of ts.createSourceFile('code.tsx', code, ts.ScriptTarget.Latest).statements) {
    if (ts.isVariableStatement(statement)) for (const each of statement.declarationList.declarations) add(each.name);
    else if (ts.isImportDeclaration(statement) && withImports) {
      const { name, namedBindings } = statement.importClause ?? {};
      if (name) add(name);
      if (namedBindings && ts.isNamespaceImport(namedBindings)) add(namedBindings.name);
      else for (const each of namedBindings?.elements ?? []) add(each.name);
    } else if (isNamed(statement)) add(statement.name);
  }
  return [...names];
}

function isNamed(statement: ts.Statement): statement is ts.Statement & { name: ts.Identifier } {
  return 'name' in statement && statement.name !== undefined && ts.isIdentifier(statement.name as ts.Node);
}
