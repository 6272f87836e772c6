/** What is to be said of each of BuildKit's own build arguments (docs.docker.com: variables, BuildKit built-in build args). */
const SAID: Readonly<Record<string, string | null>> = {
  // These do what they say.
  BUILDKIT_MULTI_PLATFORM: null,
  BUILDKIT_SANDBOX_HOSTNAME: null,
  BUILDKIT_DOCKERFILE_CHECK: null,
  BUILDKIT_DOCKERFILE_CHECK_EXPERIMENTAL: null,
  // A name for progress output of daemons that build for many.
  BUILDKIT_BUILD_NAME: null,
  BUILDKIT_INLINE_CACHE: "cache records are not written into images; the store keeps them",
  BUILDKIT_SYNTAX: "frontends are not loaded: tsbuild reads the Dockerfile itself",
  BUILDKIT_CONTEXT_KEEP_GIT_DIR:
    "it is for contexts from git; of a folder .git is sent unless .dockerignore leaves it out",
  BUILDKIT_CACHE_MOUNT_NS: "cache mounts of one store are shared by all its builds",
};

/** One line for each that does nothing here, so that nobody relies on it. An ARG of the name gets its value all the same. */
export function builtinArgNotes(buildArgs: Readonly<Record<string, string>>): readonly string[] {
  return Object.keys(buildArgs)
    .filter((name) => name.startsWith("BUILDKIT_"))
    .flatMap((name) => {
      const said = Object.hasOwn(SAID, name) ? SAID[name] : "BuildKit has no such argument";
      return said === null || said === undefined ? [] : [`--build-arg ${name} does nothing: ${said}`];
    });
}
