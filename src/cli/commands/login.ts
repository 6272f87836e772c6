import { BuildError } from "../../core/errors.ts";
import {
  checkLogin,
  type LoginHow,
  login,
  logout,
  type NewLogin,
  registryOf,
} from "../../operations/login.ts";
import type { ParsedArgs } from "../args.ts";
import type { CliContext, Command } from "../command.ts";
import { askLine, readSecret } from "../read-secret.ts";
import { AUTH_FILE_FLAG } from "./registry-flags.ts";

export const loginCommand: Command = {
  names: ["login"],
  usage: "login [OPTIONS] [SERVER]",
  summary: "Keep credentials for a registry, once it has accepted them",
  flags: [
    { name: "username", short: "u", value: "NAME", help: "User name (asked for where it is left out)" },
    { name: "password", short: "p", value: "SECRET", help: "Password; others on this machine can see it" },
    { name: "password-stdin", help: "Read the password from standard input" },
    AUTH_FILE_FLAG,
  ],
  run: async (args, context) => {
    const registry = registryOf(oneServer(args, "login"));
    const how = howOf(args, context);
    const given = await givenLogin(args, context);
    if (given === undefined && args.get("username") === undefined) {
      const kept = await checkLogin(registry, how);
      if (kept !== undefined)
        context.stderr.write(`Authenticating with existing credentials for ${registry}\n`);
      if (kept?.refused === false) return succeeded(context);
      if (kept?.refused === true) context.stderr.write(`${registry} no longer accepts them\n`);
    }
    const { path, helper } = await login(registry, given ?? (await typedLogin(args, context)), how);
    if (helper === undefined) {
      context.stderr.write(
        `WARNING! Your password is kept unencrypted in ${path}.\nA credential helper keeps it better: name one under credsStore in that file.\n`,
      );
    }
    return succeeded(context);
  },
};

export const logoutCommand: Command = {
  names: ["logout"],
  usage: "logout [OPTIONS] [SERVER]",
  summary: "Forget the credentials that are kept for a registry",
  flags: [AUTH_FILE_FLAG],
  run: async (args, context) => {
    const registry = registryOf(oneServer(args, "logout"));
    const wasKept = await logout(registry, howOf(args, context));
    context.stdout.write(
      wasKept ? `Removing login credentials for ${registry}\n` : `Not logged in to ${registry}\n`,
    );
    return 0;
  },
};

function oneServer(args: ParsedArgs, command: string): string | undefined {
  const [server, ...more] = args.positionals;
  if (more.length === 0) return server;
  throw new BuildError("cli/usage", `${command} takes one registry`, {
    hint: `Write: tsbuild ${command} registry.example.com`,
  });
}

function howOf(args: ParsedArgs, { env, signal, stderr }: CliContext): LoginHow {
  const note = (text: string) => void stderr.write(`note: ${text}\n`);
  return { env, signal, note, authFile: args.get("authfile") };
}

/** What the command line says; undefined where a person has to be asked. */
async function givenLogin(args: ParsedArgs, context: CliContext): Promise<NewLogin | undefined> {
  const username = args.get("username");
  const password = args.get("password");
  if (args.has("password-stdin")) {
    if (password !== undefined) throw usage("--password and --password-stdin are mutually exclusive");
    if (username === undefined) throw usage("--password-stdin needs --username");
    return complete(username, await readSecret(context));
  }
  if (password === undefined) return undefined;
  context.stderr.write("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n");
  return complete(username ?? (await askLine("Username: ", context, { hidden: false })), password);
}

async function typedLogin(args: ParsedArgs, context: CliContext): Promise<NewLogin> {
  const username = args.get("username") ?? (await askLine("Username: ", context, { hidden: false }));
  return complete(username, await askLine("Password: ", context, { hidden: true }));
}

function complete(username: string, password: string): NewLogin {
  if (username === "") throw usage("the user name is empty");
  if (username.includes(":")) throw usage("a user name has no colon in it");
  if (password === "") throw usage("the password is empty");
  return { username, password };
}

function succeeded({ stdout }: CliContext): number {
  stdout.write("Login Succeeded\n");
  return 0;
}

function usage(message: string): BuildError {
  return new BuildError("cli/usage", message, {
    hint: "Write: … | tsbuild login -u NAME --password-stdin SERVER",
  });
}
